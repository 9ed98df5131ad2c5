import { BlockList, isIP } from 'node:net'

/** Says of an address whether what it forwards is believed. */
export type Trust = (address: string) => boolean

/** Trusts the peers in these CIDR blocks, and nobody where there are none. */
export function forwardedTrust(blocks: readonly string[]): Trust {
  if (blocks.length === 0) return () => false
  const list = new BlockList()
  for (const block of blocks) {
    const [address = '', bits] = block.split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return (peer) => {
    const address = peer.startsWith('::ffff:') ? peer.slice(7) : peer
    return address !== '' && list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
}
