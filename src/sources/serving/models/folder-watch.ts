import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** How often a folder is looked at. Looking is a few calls of stat, and works on mounted volumes, where the kernel tells of no change. */
const LOOK_MS = 2000

/**
 * Calls back when files of a folder have changed and then stayed as they are for one look, so that a file being written is not read half.
 * What changes while the caller still reads the folder for the first time is seen too: the first look is before this resolves.
 * @returns what ends it.
 */
export async function watchFolder(dir: string, onChange: () => Promise<void>, lookMs: number = LOOK_MS): Promise<() => void> {
  let settled = await fingerprint(dir)
  let before = settled
  let busy = false
  const look = async () => {
    if (busy) return
    busy = true
    try {
      const now = await fingerprint(dir)
      if (now === before && now !== settled) {
        settled = now
        await onChange()
      }
      before = now
    } finally {
      busy = false
    }
  }
  const timer = setInterval(() => void look(), lookMs)
  return () => clearInterval(timer)
}

/**
 * Names, sizes and times of everything in a folder, links followed, but not back to a folder that is being looked at: packages link to each other in circles.
 * A folder that cannot be read counts as empty.
 */
async function fingerprint(dir: string, within: readonly string[] = []): Promise<string> {
  const names = await readdir(dir).catch(() => [])
  const parts = await Promise.all(
    names.sort().map(async (name) => {
      if (name.startsWith('.')) return ''
      const path = join(dir, name)
      const found = await stat(path).catch(() => undefined)
      if (found === undefined) return ''
      if (!found.isDirectory()) return `${name} ${found.size} ${found.mtimeMs} ${found.ino}`
      const id = `${found.dev} ${found.ino}`
      return within.includes(id) ? '' : `${name}/(${await fingerprint(path, [...within, id])})`
    }),
  )
  return parts.join('\n')
}
