/**
 * A JSON pointer (RFC 6901), in which one part may be `*`: there the rows lie, in a list.
 * `before` leads to the list, `after` from one of its items to the value; without a star, `after` is undefined.
 */
export interface Pointer {
  readonly text: string
  readonly before: readonly string[]
  readonly after: readonly string[] | undefined
}

/** @returns undefined when it is none: it is neither empty nor begins with a slash, or has more than one star. */
export function parsePointer(text: string): Pointer | undefined {
  if (text !== '' && !text.startsWith('/')) return undefined
  const parts = text === '' ? [] : text.slice(1).split('/')
  const star = parts.indexOf('*')
  if (star !== parts.lastIndexOf('*')) return undefined
  const plain = parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  return star < 0 ? { text, before: plain, after: undefined } : { text, before: plain.slice(0, star), after: plain.slice(star + 1) }
}

/** @returns undefined when there is nothing. */
export function follow(value: unknown, parts: readonly string[]): unknown {
  let current = value
  for (const part of parts) {
    if (Array.isArray(current)) current = /^(0|[1-9]\d*)$/.test(part) ? current[Number(part)] : undefined
    else if (typeof current === 'object' && current !== null && Object.hasOwn(current, part))
      current = (current as Record<string, unknown>)[part]
    else return undefined
  }
  return current
}
