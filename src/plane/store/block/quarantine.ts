import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { codeOf } from './files.ts'

/** What is written beside the files of a block that was set aside. */
export const REASON_FILE = 'why.txt'

/** Sets a block's folder aside, with the reason in `why.txt`. @returns Where it is now. */
export async function quarantine(dir: string, quarantineDir: string, reason: string, name = basename(dir)): Promise<string> {
  await mkdir(quarantineDir, { recursive: true })
  const to = join(quarantineDir, name)
  // One of that name from an earlier time: a block has its name for itself, so it is the same one, copied half or moved back by hand.
  await rm(to, { recursive: true, force: true })
  try {
    await rename(dir, to)
  } catch (error) {
    if (codeOf(error) !== 'EXDEV') throw error
    await cp(dir, to, { recursive: true })
    await rm(dir, { recursive: true })
  }
  await writeFile(join(to, REASON_FILE), `${reason}\n`)
  return to
}
