import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** Steps in the file system that a test may have fail. */
export type DiskStep = 'open' | 'mkdir' | 'rename' | 'rm' | 'readFile' | 'write'

type AnyFunction = (...args: unknown[]) => Promise<unknown>

/**
 * Stands between this process and its disk, for tests: steps fail or wait as the test says, everything else goes through. Call `restore` at the end.
 * `write` is any write to a file that was opened while this stands.
 */
export class FaultyDisk {
  /** The code with which a step fails; undefined lets it through. */
  refuse: (step: DiskStep, path: string) => string | undefined = () => undefined
  /** What a step waits for; undefined lets it through at once. */
  delay: (step: DiskStep, path: string) => Promise<void> | undefined = () => undefined
  readonly #promises = fs.promises as unknown as Record<string, AnyFunction>
  readonly #originals = new Map<string, AnyFunction>()

  constructor() {
    for (const name of ['open', 'mkdir', 'rename', 'rm', 'readFile'] as const) {
      const original = this.#promises[name]!
      this.#originals.set(name, original)
      this.#promises[name] = async (...args) => {
        const path = String(args[0])
        await this.#pass(name, path)
        const result = await original(...args)
        if (name === 'open' && args[1] !== undefined && args[1] !== 'r') this.#watch(result as Record<string, AnyFunction>, path)
        return result
      }
    }
    syncBuiltinESMExports()
  }

  restore(): void {
    for (const [name, original] of this.#originals) this.#promises[name] = original
    syncBuiltinESMExports()
  }

  #watch(file: Record<string, AnyFunction>, path: string): void {
    for (const name of ['write', 'writev', 'writeFile']) {
      const original = file[name]!
      file[name] = async (...args) => {
        await this.#pass('write', path)
        return original.apply(file, args)
      }
    }
  }

  async #pass(step: DiskStep, path: string): Promise<void> {
    await this.delay(step, path)
    const code = this.refuse(step, path)
    if (code !== undefined) throw Object.assign(new Error(`${code}: the test says so, ${step} '${path}'`), { code, syscall: step, path })
  }
}
