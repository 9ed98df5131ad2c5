import { isIP } from 'node:net'
import { checkServerIdentity, createSecureContext, getCACertificates } from 'node:tls'
import { Client, connectivityState, credentials, Metadata, status } from '@grpc/grpc-js'
import { readAnswer, type ReflectionAnswer, type ReflectionAsk, writeAsk } from './reflect-messages.ts'
import { reflectedSet } from './reflect.ts'

/** Where a gRPC server is, and how it is called. */
export interface ServerPlace {
  readonly host: string
  readonly port: number
  /** null: in the clear. */
  readonly tls: { readonly ca: string | null } | null
  /** What stands before every path. */
  readonly path: string
  readonly credential: { readonly field: string; readonly secret: string } | null
}

/** A gRPC server that is asked what its methods are, on a connection that is kept. */
export interface ReflectionClient {
  /** A serialized `FileDescriptorSet`; throws an Error that says why there is none. */
  ask(timeoutMs: number): Promise<Uint8Array>
  /** Resolves when the connection was lost and another one stands, or when it is no longer waited for. */
  reconnected(signal: AbortSignal): Promise<void>
  close(): void
}

/** Makes a client; nothing is connected yet. */
export function reflectionClient(place: ServerPlace): ReflectionClient {
  const client = new Client(addressOf(place), credentialsOf(place), {
    ...nameOf(place),
    // Calls do not go by a proxy either.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.max_receive_message_length': 16 * 2 ** 20,
    // Whoever asks waits longer and longer by itself.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5000,
    // The connection tells when the server has been replaced.
    'grpc.client_idle_timeout_ms': 2 ** 31 - 1,
  })
  return {
    async ask(timeoutMs) {
      const deadline = Date.now() + timeoutMs
      try {
        return await asked(client, place, { service: 'grpc.reflection.v1.ServerReflection', deadline })
      } catch (error) {
        if (!isUnimplemented(error)) throw plain(error)
        return asked(client, place, { service: 'grpc.reflection.v1alpha.ServerReflection', deadline }).catch((second: unknown) => {
          throw isUnimplemented(second) ? new Error('it has no reflection (grpc.reflection.v1, v1alpha)') : plain(second)
        })
      }
    },
    async reconnected(signal) {
      if (await until(client, (state) => state !== connectivityState.READY, signal))
        await until(client, (state) => state === connectivityState.READY, signal)
    },
    close: () => client.close(),
  }
}

interface Asking {
  readonly service: string
  readonly deadline: number
}

async function asked(client: Client, { path, credential }: ServerPlace, { service, deadline }: Asking): Promise<Uint8Array> {
  const metadata = new Metadata()
  if (credential !== null) metadata.set(credential.field, `${credential.field === 'authorization' ? 'Bearer ' : ''}${credential.secret}`)
  const method = `${path}/${service}/ServerReflectionInfo`
  const call = client.makeBidiStreamRequest<Buffer, Buffer>(method, same, same, metadata, { deadline })
  let waiting: PromiseWithResolvers<ReflectionAnswer> | null = null
  let failed: Error | null = null
  const fail = (error: Error): void => {
    failed ??= error
    waiting?.reject(failed)
  }
  call.on('data', (bytes: Buffer) => {
    try {
      waiting?.resolve(readAnswer(bytes))
    } catch (error) {
      fail(plain(error))
    }
  })
  call.on('error', fail)
  call.on('end', () => fail(new Error('it ended its answers')))
  try {
    return await reflectedSet(async (ask: ReflectionAsk) => {
      if (failed !== null) throw failed
      waiting = Promise.withResolvers<ReflectionAnswer>()
      call.write(writeAsk(ask))
      return waiting.promise
    })
  } finally {
    call.end()
    call.cancel()
  }
}

/** Waits for a state of the connection, and connects where it is idle; false: it is no longer waited for. */
async function until(client: Client, isIt: (state: connectivityState) => boolean, signal: AbortSignal): Promise<boolean> {
  const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  while (!signal.aborted) {
    const channel = client.getChannel()
    const state = channel.getConnectivityState(true)
    if (isIt(state)) return true
    const changed = new Promise<void>((resolve) => channel.watchConnectivityState(state, Date.now() + longestMs, () => resolve()))
    await Promise.race([changed, stopped])
  }
  return false
}

const longestMs = 60_000

function addressOf({ host, port }: ServerPlace): string {
  return isIP(host) === 6 ? `ipv6:[${host}]:${port}` : isIP(host) === 4 ? `ipv4:${host}:${port}` : `dns:///${host}:${port}`
}

/** grpc-js asks for the host by name, and Node takes no address for a name: then it is a name that nobody has. */
function nameOf({ host, tls }: ServerPlace): { 'grpc.ssl_target_name_override'?: string } {
  return tls === null || isIP(host) === 0 ? {} : { 'grpc.ssl_target_name_override': 'address.invalid' }
}

function credentialsOf({ host, tls }: ServerPlace): ReturnType<typeof credentials.createInsecure> {
  if (tls === null) return credentials.createInsecure()
  const ca = tls.ca === null ? {} : { ca: [...getCACertificates('default'), tls.ca] }
  return credentials.createFromSecureContext(createSecureContext(ca), {
    // Said here, because an environment variable can turn the default around.
    rejectUnauthorized: true,
    // Whatever name was asked for, the certificate has to be the host's.
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  })
}

function isUnimplemented(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === status.UNIMPLEMENTED
}

// What the library adds to its messages (a hint at documentation, where it was called) is nobody's to read.
function plain(error: unknown): Error {
  const text = error instanceof Error ? ('details' in error ? String(error.details) : error.message) : 'it does not answer'
  const first = (text.split('\n')[0] ?? '').replace(/\. Resolution note:.*$/, '')
  return new Error(first.slice(0, 300), { cause: error })
}

function same(bytes: Buffer): Buffer {
  return bytes
}
