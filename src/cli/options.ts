import { InvalidArgumentError, Option } from 'commander'
import { isLoopback, readAddress } from '../config/address.ts'
import type { AddressPlan } from '../config/plan.ts'

/** The flag that every command has. */
export function jsonOption(): Option {
  return new Option('--json', 'print JSON for programs')
}

export function configOption(): Option {
  return new Option('-c, --config <file>', 'the config file (default: the one in this folder)')
}

export function controlOption(): Option {
  return new Option('--control <path>', "the running relay's control socket (default: found by the config file; RELAY_CONTROL)")
}

/** A count of at least one. */
export function count(text: string): number {
  const value = Number(text)
  if (!/^[0-9]{1,7}$/.test(text) || value < 1) throw new InvalidArgumentError('give a whole number of at least 1')
  return value
}

/** A tenant's priority. */
export function priority(text: string): number {
  if (!/^[0-9]$/.test(text)) throw new InvalidArgumentError('give a number from 0 to 9')
  return Number(text)
}

/** A flag that may be given several times: all of its values. */
export function several(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text]
}

/** A flag that may be given once: of two values nobody knows which one is meant. */
export function once(text: string, before?: string): string {
  if (before !== undefined) throw new InvalidArgumentError(`it was given before, as '${before}': give it once`)
  return text
}

/** An address on this machine, or null for `off`. */
export function adminAddress(text: string): AddressPlan | null {
  if (text === 'off') return null
  const address = readAddress(text)
  if (address === undefined) throw new InvalidArgumentError('give an address and a port, such as 127.0.0.1:9901, or off')
  if (!isLoopback(address)) throw new InvalidArgumentError('only this machine may read it here; another address belongs into the config')
  return address
}

/** `k=v` into the fields that were given before. */
export function header(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('give a name and a value, such as x-team=search')
  return { ...before, [text.slice(0, at).trim()]: text.slice(at + 1) }
}

type Given<Fields> = { readonly [Name in keyof Fields]?: Exclude<Fields[Name], undefined> }

/** Only what was given: a field that is undefined is not the same as one that is not there. */
export function given<Fields extends object>(fields: Fields): Given<Fields> {
  // Entries lose the type of their object; none but undefined ones are left out.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<Fields>
}
