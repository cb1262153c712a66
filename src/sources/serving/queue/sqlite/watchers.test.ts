import { expect, test } from 'vitest'
import { Watchers } from './watchers.ts'

// The file is closed already, or another process recovers its log after a crash.
test('a version that cannot be read: in doubt who watches is called, and no timer ends the process', async () => {
  let version: string | undefined = '0:0:0'
  const watchers = new Watchers(() => {
    for (const endMs = performance.now() + 2; performance.now() < endMs; ); // So that a look soon after waits for a timer.
    if (version === undefined) throw new Error('database is locked')
    return version
  })
  const calls: string[] = []
  watchers.watch('a', () => calls.push('a'))
  watchers.look()
  expect(calls).toEqual([])
  version = undefined
  watchers.look()
  watchers.watch('b', () => calls.push('b'))
  await expect.poll(() => calls).toEqual(['a'])
  watchers.look() // Still nothing to be read, and nobody is called again.
  version = '1:1:0'
  await expect.poll(() => calls.toSorted()).toEqual(['a', 'a', 'b'])
  watchers.close()
})
