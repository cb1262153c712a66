import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFolder } from './folder-lock.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'modelwatch-lock-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A process that locks the folder, says "locked" or the error's code and message, and waits to be ended. */
async function startHolder() {
  const program = `
    import { lockFolder } from ${JSON.stringify(new URL('./folder-lock.ts', import.meta.url).href)}
    try {
      globalThis.lock = await lockFolder(${JSON.stringify(dir)})
      console.log('locked')
    } catch (error) {
      console.log(error.code, error.message)
    }
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const [said] = (await once(createInterface(child.stdout), 'line')) as [string]
  return {
    said,
    pid: child.pid!,
    async end(signal: NodeJS.Signals) {
      child.kill(signal)
      await exited
    },
  }
}

test('a second process is refused, told who holds the folder, and takes it over when the first was killed', async () => {
  const first = await startHolder()
  expect(first.said).toBe('locked')
  await expect(lockFolder(dir)).rejects.toMatchObject({
    code: 'MW_STORE_FOLDER_LOCKED',
    message: `the data folder ${dir} is in use by the process with pid ${first.pid}`,
    hint: expect.stringContaining('Stop the process'),
  })
  const second = await startHolder()
  expect(second.said).toBe(`MW_STORE_FOLDER_LOCKED the data folder ${dir} is in use by the process with pid ${first.pid}`)
  await second.end('SIGKILL')

  await first.end('SIGKILL')
  // The pid file of the killed process is still there, and stands in nobody's way.
  expect(readFileSync(join(dir, 'lock.pid'), 'utf8')).toBe(`${first.pid}\n`)
  const lock = await lockFolder(dir)
  expect(readFileSync(join(dir, 'lock.pid'), 'utf8')).toBe(`${process.pid}\n`)
  const third = await startHolder()
  expect(third.said).toContain(`pid ${process.pid}`)
  await third.end('SIGKILL')
  await lock.release()
})

test('a pid file that names a living process is no lock', async () => {
  writeFileSync(join(dir, 'lock.pid'), `${process.ppid}\n`)
  const lock = await lockFolder(dir)
  await lock.release()
})

test('a second store of the same process is refused, and may have the folder after the first', async () => {
  const lock = await lockFolder(dir)
  await expect(lockFolder(dir)).rejects.toThrow(`the data folder ${dir} is in use by another store of this process (pid ${process.pid})`)
  // The refusal itself must not have dropped the lock.
  const other = await startHolder()
  expect(other.said).toContain('MW_STORE_FOLDER_LOCKED')
  await other.end('SIGKILL')
  await lock.release()
  await lock.release()
  const again = await lockFolder(dir)
  await again.release()
})

test('a folder is made where there is none', async () => {
  const lock = await lockFolder(join(dir, 'a', 'b'))
  await lock.release()
})

test.for([
  { why: 'its place is taken by a file', prepare: (path: string) => writeFileSync(path, '') },
  {
    why: 'its lock file is something else',
    prepare: (path: string) => {
      rmSync(path, { force: true, recursive: true })
      writeFileSync(join(dir, 'lock'), 'not a database, and longer than a header of one: '.repeat(40))
    },
    path: '.',
  },
])('a folder that cannot be locked is named: $why', async ({ prepare, path = 'data' }) => {
  const folder = join(dir, path)
  prepare(join(dir, 'data'))
  await expect(lockFolder(folder)).rejects.toMatchObject({ code: 'MW_STORE_FOLDER_UNUSABLE', message: expect.stringContaining(folder) })
})
