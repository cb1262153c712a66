import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelwatchError } from '../../../core/errors.ts'
import { type Block, type BlockDeps, openBlock } from './block.ts'
import { DELETED, UNFINISHED } from './files.ts'
import { isBlockId } from './meta.ts'

export interface FoundBlocks {
  /** Those that are whole, by the time of their first sample. */
  readonly blocks: Block[]
  readonly damaged: readonly { readonly dir: string; readonly error: ModelwatchError }[]
  /** Folders that a write or a deletion left half-done, gone now. */
  readonly leftovers: readonly string[]
}

/**
 * Opens every block of a folder; what is not a block is left alone.
 * @throws MW_STORE_BLOCK_VERSION when a block is of a newer version: what this process cannot read, it must not hide.
 */
export async function openBlocks(dir: string, deps: BlockDeps): Promise<FoundBlocks> {
  await mkdir(dir, { recursive: true })
  const blocks: Block[] = []
  const damaged: { dir: string; error: ModelwatchError }[] = []
  const leftovers: string[] = []
  for (const name of (await readdir(dir)).sort()) {
    const path = join(dir, name)
    const end = [UNFINISHED, DELETED].find((suffix) => name.endsWith(suffix))
    if (end !== undefined && isBlockId(name.slice(0, -end.length))) {
      await rm(path, { recursive: true, force: true })
      leftovers.push(name)
    }
    if (!isBlockId(name)) continue
    try {
      const block = await openBlock(path, deps)
      // The folder of a checkpoint is somebody else's.
      if (block.meta.kind === 'block') blocks.push(block)
      else await block.close()
    } catch (error) {
      if (error instanceof ModelwatchError && error.code === 'MW_STORE_BLOCK_DAMAGED') damaged.push({ dir: path, error })
      else {
        await Promise.all(blocks.map((block) => block.close()))
        throw error
      }
    }
  }
  return { blocks: blocks.sort(byTime), damaged, leftovers }
}

export function byTime(a: Block, b: Block): number {
  return a.meta.minMs - b.meta.minMs || (a.meta.id < b.meta.id ? -1 : 1)
}
