import fs, { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'

interface Entry {
  /** Tells files apart, even when an inode is used again. */
  readonly id: string
  readonly isFolder: boolean
}

/**
 * Knows what of a folder is sure to be on the disk: of a file what it held when its last sync began, of a folder the names it had when its last sync began. A
 * loss of power may leave more than that; this is the least it leaves. What is there at the beginning counts as safe.
 */
export class PowerModel {
  readonly #dir: string
  readonly #contents = new Map<string, Buffer>()
  readonly #names = new Map<string, ReadonlyMap<string, Entry>>()
  readonly #open = fs.promises.open

  constructor(dir: string) {
    this.#dir = dir
    mkdirSync(dir, { recursive: true })
    this.#adopt(dir)
    fs.promises.open = async (path, ...rest) => {
      const file = await this.#open(path, ...rest)
      this.#watch(file)
      return file
    }
    syncBuiltinESMExports()
  }

  /** Lets go of the file system. */
  end(): void {
    fs.promises.open = this.#open
    syncBuiltinESMExports()
  }

  /** Writes what a loss of power at this moment would leave. */
  writeImage(to: string): void {
    this.#write(entryOf(this.#dir).id, to)
  }

  #adopt(path: string): void {
    const { id, isFolder } = entryOf(path)
    if (!isFolder) this.#contents.set(id, fs.readFileSync(path))
    else {
      this.#names.set(id, namesOf(path))
      for (const name of readdirSync(path)) this.#adopt(join(path, name))
    }
  }

  #write(id: string, to: string): void {
    mkdirSync(to)
    for (const [name, entry] of this.#names.get(id) ?? []) {
      if (entry.isFolder) this.#write(entry.id, join(to, name))
      else writeFileSync(join(to, name), this.#contents.get(entry.id) ?? Buffer.alloc(0))
    }
  }

  #watch(file: FileHandle): void {
    for (const name of ['sync', 'datasync'] as const) {
      const original = file[name].bind(file)
      file[name] = async () => {
        const id = idOf(fs.fstatSync(file.fd, { bigint: true }))
        const path = `/proc/self/fd/${file.fd}`
        const isFolder = fs.fstatSync(file.fd).isDirectory()
        const before = isFolder ? namesOf(path) : fs.readFileSync(path)
        await original()
        if (before instanceof Map) this.#names.set(id, before)
        else this.#contents.set(id, before as Buffer)
      }
    }
  }
}

function namesOf(folder: string): ReadonlyMap<string, Entry> {
  return new Map(readdirSync(folder).map((name) => [name, entryOf(join(folder, name))]))
}

function entryOf(path: string): Entry {
  return { id: idOf(statSync(path, { bigint: true })), isFolder: statSync(path).isDirectory() }
}

function idOf({ ino, birthtimeNs }: { readonly ino: bigint; readonly birthtimeNs: bigint }): string {
  return `${ino} ${birthtimeNs}`
}
