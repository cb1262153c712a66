import { closeSync, type FSWatcher, openSync, watch, writeSync } from 'node:fs'

/**
 * Tells other processes on the same file that something was committed, and hears them: a byte written to a small file beside it, which they watch. The log
 * itself would not do: it is written before what is in it can be seen. Where a file system tells nobody (some network ones), the slow look at the queue remains.
 */
export class Doorbell {
  #fd: number | undefined
  #watcher: FSWatcher | undefined
  #isPending = false

  /** @param onRing - Somebody rang, perhaps oneself; those of one moment are one call. */
  constructor(file: string, onRing: () => void) {
    try {
      this.#fd = openSync(file, 'a+')
      this.#watcher = watch(file, { persistent: false }, () => {
        if (this.#isPending) return
        this.#isPending = true
        setImmediate(() => {
          this.#isPending = false
          if (this.#watcher !== undefined) onRing()
        })
      })
      this.#watcher.on('error', () => this.#unwatch())
      closeSync(this.#fd)
      // A file opened to append would grow with each ring.
      this.#fd = openSync(file, 'r+')
    } catch {
      // No watches left, or a full disk: then others are heard a little later.
    }
  }

  ring(): void {
    if (this.#fd === undefined) return
    try {
      writeSync(this.#fd, '!', 0)
    } catch {
      // As above.
    }
  }

  close(): void {
    this.#unwatch()
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }
}
