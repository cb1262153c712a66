import { queueErrors } from '../errors.ts'

/** A Redis or Valkey server, one of its databases, and the prefix of the keys in it. */
export interface RedisAddress {
  readonly host: string
  readonly port: number
  readonly username: string | undefined
  readonly password: string | undefined
  readonly db: number
  readonly tls: boolean
  readonly prefix: string
  /** For people: without the password. */
  readonly shown: string
}

const PORT = 6379
const PREFIX = 'modelwatch'

/**
 * Reads `redis://[[USER]:PASSWORD@]HOST[:PORT][/DB][?prefix=TEXT]`; `rediss:` is the same with TLS.
 * @throws MW_QUEUE_URL, which never tells the password.
 */
export function parseRedisUrl(text: string): RedisAddress {
  const shown = text.replace(/:\/\/.*@/, '://…@')
  const refuse = (why: string) => queueErrors.MW_QUEUE_URL(`the queue's url ${shown} ${why}`)
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) throw refuse('is no redis:// or rediss:// address')
  const url = new URL(text)
  if (url.hostname === '') throw refuse('names no host')
  const db = url.pathname.replace(/^\//, '')
  if (!/^\d*$/.test(db)) throw refuse(`names the database ${JSON.stringify(db)}, which is no number`)
  const unknown = [...url.searchParams.keys()].find((key) => key !== 'prefix')
  if (unknown !== undefined) throw refuse(`has the parameter ${JSON.stringify(unknown)}; only prefix is known`)
  const prefix = url.searchParams.get('prefix') ?? PREFIX
  if (!/^[\w.-]{1,100}$/.test(prefix))
    throw refuse(`has the prefix ${JSON.stringify(prefix)}; letters, digits, _ - and . are possible, up to 100`)
  return {
    // An IPv6 address stands in brackets in a URL, and without them for a socket.
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? PORT : Number(url.port),
    username: decoded(url.username, refuse),
    password: decoded(url.password, refuse),
    db: Number(db),
    tls: url.protocol === 'rediss:',
    prefix,
    shown,
  }
}

function decoded(text: string, refuse: (why: string) => Error): string | undefined {
  if (text === '') return undefined
  try {
    return decodeURIComponent(text)
  } catch {
    throw refuse('has a % in its user or password that is not followed by two hexadecimal digits')
  }
}
