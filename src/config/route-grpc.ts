import { shown } from './findings.ts'
import { readOrigin, type ReadOrigin } from './target.ts'

/** A route's `grpc`, read: a server or the name of an upstream, and the method that answers where one is named. */
export type ReadGrpc =
  | {
      readonly is: 'target'
      readonly server: Extract<ReadOrigin, { readonly is: 'origin' }> | { readonly is: 'name'; readonly name: string }
      readonly method: string | null
    }
  | { readonly is: 'fault'; readonly message: string; readonly remedy: string }

/** Reads `127.0.0.1:50051/users.v1.Users/GetUser`, `grpcs://host:port/…` or `upstream/…`. */
export function readGrpc(written: string): ReadGrpc {
  const [, scheme = '', server = '', rest = ''] = /^(?:([a-z]+):\/\/)?([^/]*)(?:\/(.*))?$/is.exec(written) ?? []
  if (scheme !== '' && !/^grpcs?$/i.test(scheme))
    return fault(
      `${shown(written)} is not a gRPC server`,
      `write ${/s$/i.test(scheme) ? 'grpcs' : 'grpc'}://${server}, with the method behind it`,
    )
  const method = rest === '' ? null : readMethod(rest)
  if (method === undefined)
    return fault(`${shown(rest)} is not a method`, 'write package.Service/Method, as in 127.0.0.1:50051/users.v1.Users/GetUser')
  if (scheme === '' && /^[A-Za-z][A-Za-z0-9_.-]*$/.test(server)) return { is: 'target', server: { is: 'name', name: server }, method }
  const origin = readOrigin(`${scheme === '' ? 'grpc' : scheme}://${server}`)
  return origin.is === 'origin' ? { is: 'target', server: origin, method } : origin
}

/** Whether a `grpc` names a method. */
export function namesMethod(written: string | undefined): boolean {
  if (written === undefined) return false
  const read = readGrpc(written)
  return read.is === 'target' && read.method !== null
}

function readMethod(written: string): string | undefined {
  return /^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\/[A-Za-z_]\w*$/.test(written) && written.length <= 512 ? written : undefined
}

function fault(message: string, remedy: string): ReadGrpc {
  return { is: 'fault', message, remedy }
}
