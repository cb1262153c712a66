/** Where a gateway is: scheme, host and port, and the path under which a proxy shows it, '' or as `/prefix`. */
export interface GatewayAddress {
  readonly origin: string
  readonly prefix: string
}

/**
 * Reads the address of a gateway: `http://127.0.0.1:8000`, `https://host/prefix`.
 * @returns what is wrong with it, in words, where it is none.
 */
export function parseGatewayUrl(text: string): GatewayAddress | string {
  if (text.trim() === '') return 'the address is empty'
  const url = URL.parse(text)
  // `localhost:8000` is a URL to a parser, of the scheme "localhost".
  if (url === null || !/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return `${text} is not an address such as http://127.0.0.1:8000`
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return `${text}: a gateway speaks http or https, not ${url.protocol.slice(0, -1)}`
  if (url.username !== '' || url.password !== '') return `${url.origin}: user and password in the address are not supported`
  if (url.search !== '' || url.hash !== '') return `${text}: behind the path nothing may stand, but ${url.search}${url.hash} does`
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') }
}
