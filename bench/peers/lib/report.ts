import { mkdir, writeFile } from 'node:fs/promises'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'

/** Prints lines, and keeps them for the file that stands in the repository beside the day and the machine. */
export class Report {
  readonly #lines: string[] = []

  line(text = ''): void {
    console.log(text)
    this.#lines.push(text.trimEnd())
  }

  /** Cells of one width each, the first to the left. */
  row(cells: readonly (string | number)[], widths: readonly number[]): void {
    this.line(cells.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[0]!) : String(cell).padStart(widths[i]!))).join(' '))
  }

  /** @param name - Of the file under bench/peers, and of the part that made it. */
  async write(name: string, args: readonly string[]): Promise<void> {
    const machine = `${cpus().length} × ${cpus()[0]!.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`
    const head = [`npm run peers -- ${[name, ...args].join(' ')}`, `${new Date().toISOString().slice(0, 10)}, ${machine}`, '']
    const dir = join(import.meta.dirname, '..')
    await mkdir(dir, { recursive: true })
    const file = join(dir, `${name}.txt`)
    await writeFile(file, `${[...head, ...this.#lines].join('\n').trimEnd()}\n`)
    console.log(`\nwritten to ${file}`)
  }
}
