/** A host and a port to listen on. */
export interface ListenAddress {
  readonly host: string
  /** 0 asks the system for a free one. */
  readonly port: number
}

/** `127.0.0.1:9090`, `[::1]:9090`, or `:9090` for every interface; undefined when the text is none of these. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(\[[0-9a-fA-F:]+\]|[^:[\]]*):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) return undefined
  const host = match[1]!.replace(/^\[|\]$/g, '')
  return { host: host === '' ? '0.0.0.0' : host, port }
}
