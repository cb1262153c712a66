import { BlockList, isIP } from 'node:net'
import { configErrors } from '../../../../core/config.ts'
import type { WebhooksConfig } from '../config.ts'

/** Addresses that lead to no stranger on the internet: this machine, its network, and what is set aside. IANA special-purpose registries (RFC 6890 and after). */
const notPublic = new BlockList()
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  notPublic.addSubnet(net, bits, 'ipv4')
for (const [net, bits] of [
  ['2001::', 23], // Teredo and other protocols: an IPv4 address may be inside.
  ['2001:db8::', 32],
  ['2002::', 16], // 6to4, likewise.
  ['3fff::', 20],
] as const)
  notPublic.addSubnet(net, bits, 'ipv6')
const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6') // All that IPv6 has given out; an IPv4 address in IPv6 clothes lies outside of it.

/** Whether an IP address is one of the public internet. */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address)
  if (family === 4) return !notPublic.check(address, 'ipv4')
  return family === 6 && globalUnicast.check(address, 'ipv6') && !notPublic.check(address, 'ipv6')
}

/** Where webhooks may go. */
export interface AddressPolicy {
  /** Why a URL may not be asked, as far as it can be told without resolving its host; undefined: it may. */
  faultOf(url: string): string | undefined
  /** Whether the URL is one that the operator has named: then it may resolve to whatever it does. */
  isAllowed(url: URL): boolean
  /** Whether an address that a host of a URL not named resolves to may be connected to. */
  mayConnect(address: string): boolean
}

const URL_LENGTH_MAX = 2048

/** @throws MW_CONFIG_INVALID for an entry of `allow` that is neither a host nor the beginning of a URL. */
export function createAddressPolicy({
  to,
  allow,
}: {
  readonly to: WebhooksConfig['to']
  readonly allow: readonly string[]
}): AddressPolicy {
  const hosts = new Set(allow.filter((entry) => !entry.includes('://')).map((entry) => entry.toLowerCase()))
  const beginnings = allow.filter((entry) => entry.includes('://')).map(toBeginning)
  const isAllowed = (url: URL) =>
    to === 'any' ||
    hosts.has(url.hostname) ||
    hosts.has(`${url.hostname}:${url.port === '' ? defaultPort(url) : url.port}`) ||
    beginnings.some((beginning) => startsWith(url, beginning))
  const mayConnect = (address: string) => to === 'any' || isPublicAddress(address)

  return {
    isAllowed,
    mayConnect,
    faultOf(text) {
      if (to === 'off') return 'webhooks are switched off here'
      if (text.length > URL_LENGTH_MAX) return `it is longer than ${URL_LENGTH_MAX} characters`
      const url = URL.parse(text)
      if (url === null) return 'it is no URL'
      if (url.protocol !== 'https:' && url.protocol !== 'http:') return `its scheme is ${url.protocol.slice(0, -1)}, not http or https`
      if (url.username !== '' || url.password !== '') return 'it holds a user or a password'
      const address = url.hostname.replace(/^\[|\]$/g, '')
      const isHere = address === 'localhost' || address.endsWith('.localhost')
      if (!isAllowed(url) && (isHere || (isIP(address) !== 0 && !mayConnect(address)))) return `${address} is not a public address`
      return undefined
    },
  }
}

function toBeginning(entry: string): string {
  const url = URL.parse(entry)
  if (url === null || !/^https?:$/.test(url.protocol))
    throw configErrors.MW_CONFIG_INVALID(
      `work.webhooks.allow: ${JSON.stringify(entry)} is neither a host nor the beginning of an http or https URL`,
    )
  return url.href
}

const defaultPort = ({ protocol }: URL) => (protocol === 'https:' ? 443 : 80)

/** Whether a URL lies below a beginning: a beginning that ends inside of a name does not end there. */
function startsWith({ href }: URL, beginning: string): boolean {
  return (
    href.startsWith(beginning) && (beginning.endsWith('/') || href.length === beginning.length || /[/?#]/.test(href[beginning.length]!))
  )
}
