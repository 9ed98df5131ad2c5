import { BlockList, isIP } from 'node:net'
import type { AddressPlan } from './plan.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/**
 * `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` (127.0.0.1) or `:8080` (0.0.0.0, every IPv4 address) as an address;
 * undefined for anything else. A name is not looked up: what relay binds must not depend on a name server.
 */
export function readAddress(written: string): AddressPlan | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(written) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65_535) return undefined
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? { host: bracketed, port } : undefined
  if (plain === '') return { host: '0.0.0.0', port }
  if (plain === 'localhost') return { host: '127.0.0.1', port }
  return plain !== undefined && isIP(plain) === 4 ? { host: plain, port } : undefined
}

/** What to do about an address that is none. */
export const addressRemedy = 'write an address and a port, such as 127.0.0.1:8080, [::1]:8080, localhost:8080 or :8080 (every IPv4 address)'

/** Whether only this machine can reach an address. */
export function isLoopback({ host }: AddressPlan): boolean {
  return loopback.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4')
}

/** An address as it is written: `127.0.0.1:8080`, `[::1]:8080`. */
export function addressText({ host, port }: AddressPlan): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

/** An address or CIDR block as a CIDR block; undefined when it is neither. */
export function readBlock(written: string): string | undefined {
  const [, address = '', bits] = /^([^/%]+)(?:\/([0-9]{1,3}))?$/.exec(written) ?? []
  const family = isIP(address)
  if (family === 0) return undefined
  const most = family === 6 ? 128 : 32
  const length = bits === undefined ? most : Number(bits)
  return length <= most ? `${address}/${length}` : undefined
}
