import { expect, test } from 'vitest'
import { queueErrors } from '../errors.ts'
import { GroupCommit, type Transactions } from './group-commit.ts'

const durable = { isDurable: true }
const passing = { isDurable: false }

/** A store in memory that writes down what is done to it; `fail` makes the next of a kind throw. */
class ScriptedStore implements Transactions {
  readonly calls: string[] = []
  readonly failures: { call: string; error: unknown }[] = []
  gate: Promise<void> = Promise.resolve()

  held = () => undefined
  begin = () => this.#note('begin')
  commit = () => this.#note('commit')
  rollback = () => this.#note('rollback')
  committed = () => this.#note('committed')
  rewrite = () => this.#note('rewrite')
  sync = async () => {
    const { gate } = this
    this.#note('sync')
    await gate
  }

  fail(call: string, error: unknown): void {
    this.failures.push({ call, error })
  }

  #note(call: string): void {
    this.calls.push(call)
    const at = this.failures.findIndex((failure) => failure.call === call)
    if (at !== -1) throw this.failures.splice(at, 1)[0]!.error
  }
}

const sqliteError = (errcode: number, message: string) => Object.assign(new Error(message), { errcode })
const transactions = (store: ScriptedStore) => store.calls.filter((call) => call === 'begin').length

test('those of one moment share a transaction and a sync', async () => {
  const store = new ScriptedStore()
  const commits = new GroupCommit('q', store)
  expect(await Promise.all([1, 2, 3].map((value) => commits.write(() => value, durable)))).toEqual([1, 2, 3])
  expect(store.calls).toEqual(['begin', 'commit', 'committed', 'sync'])
})

test('nobody is answered before the sync, and those who come meanwhile share the next', async () => {
  const store = new ScriptedStore()
  const commits = new GroupCommit('q', store)
  const { promise, resolve } = Promise.withResolvers<void>()
  store.gate = promise
  const answered: string[] = []
  const first = commits.write(() => 'first', durable).then((value) => answered.push(value))
  await expect.poll(() => store.calls).toContain('sync')
  const later = ['second', 'third'].map((what) => commits.write(() => what, durable).then((value) => answered.push(value)))
  await new Promise((next) => setTimeout(next, 10))
  expect(answered).toEqual([])
  store.gate = Promise.resolve()
  resolve()
  await Promise.all([first, ...later])
  expect(answered).toEqual(['first', 'second', 'third'])
  expect(transactions(store)).toBe(2)
})

test('while one group is on its way to the disk the next is committed, and only that', async () => {
  const store = new ScriptedStore()
  const commits = new GroupCommit('q', store)
  const { promise, resolve } = Promise.withResolvers<void>()
  store.gate = promise
  const answered: number[] = []
  const write = (value: number) => commits.write(() => value, durable).then(() => answered.push(value))
  const writes = [write(0)]
  await expect.poll(() => store.calls).toContain('sync')
  for (const value of [1, 2, 3]) {
    writes.push(write(value))
    await new Promise((next) => setTimeout(next, 5))
  }
  expect(transactions(store)).toBe(2)
  store.gate = Promise.resolve()
  resolve()
  await Promise.all(writes)
  expect(answered).toEqual([0, 1, 2, 3])
  expect(transactions(store)).toBe(3)
})

test('when the sync of one group fails, the next is answered only after all was written anew', async () => {
  const store = new ScriptedStore()
  const commits = new GroupCommit('q', store)
  const { promise, reject } = Promise.withResolvers<void>()
  store.gate = promise
  const first = commits.write(() => 1, durable)
  await expect.poll(() => store.calls).toContain('sync')
  const second = commits.write(() => 2, durable)
  await expect.poll(() => transactions(store)).toBe(2)
  store.gate = Promise.resolve()
  reject(Object.assign(new Error('EIO: i/o error, fdatasync'), { syscall: 'fdatasync', code: 'EIO' }))
  await expect(first).rejects.toMatchObject({ code: 'MW_QUEUE_UNAVAILABLE' })
  expect(await second).toBe(2)
  expect(store.calls.slice(-2)).toEqual(['rewrite', 'sync'])
})

test('a write that comes right with the answer to another is not forgotten', async () => {
  const commits = new GroupCommit('q', new ScriptedStore())
  for (let i = 0; i < 50; i++) expect(await commits.write(() => i, i % 2 === 0 ? durable : passing)).toBe(i)
})

test('what is not to be durable waits for no sync', async () => {
  const store = new ScriptedStore()
  const commits = new GroupCommit('q', store)
  store.gate = new Promise(() => {})
  expect(await commits.write(() => 'claimed', passing)).toBe('claimed')
  expect(store.calls).not.toContain('sync')
})

test('an error of its own is the writer’s alone', async () => {
  const store = new ScriptedStore()
  const commits = new GroupCommit('q', store)
  const refused = commits.write(() => {
    throw queueErrors.MW_QUEUE_FULL('full')
  }, durable)
  const accepted = commits.write(() => 'stored', durable)
  await expect(refused).rejects.toMatchObject({ code: 'MW_QUEUE_FULL' })
  expect(await accepted).toBe('stored')
  expect(transactions(store)).toBe(1)
})

test('after a fault each is tried in a transaction of its own', async () => {
  const store = new ScriptedStore()
  const commits = new GroupCommit('q', store)
  const answers = await Promise.allSettled(
    ['small', 'large', 'small too'].map((what) =>
      commits.write(() => {
        if (what === 'large') throw sqliteError(13, 'database or disk is full')
        return what
      }, durable),
    ),
  )
  expect(answers).toMatchObject([
    { status: 'fulfilled', value: 'small' },
    { status: 'rejected', reason: { code: 'MW_QUEUE_UNAVAILABLE', message: 'the queue q cannot be used: database or disk is full' } },
    { status: 'fulfilled', value: 'small too' },
  ])
  expect(store.calls.filter((call) => call === 'rollback')).toHaveLength(2)
})

test('the lock of another is waited for', async () => {
  const store = new ScriptedStore()
  for (let i = 0; i < 3; i++) store.fail('begin', sqliteError(5, 'database is locked'))
  // SQLITE_BUSY_SNAPSHOT.
  store.fail('commit', sqliteError(517, 'database is locked'))
  const commits = new GroupCommit('q', store)
  expect(await commits.write(() => 'in the end', durable)).toBe('in the end')
  expect(transactions(store)).toBe(5)
})

test('after a sync that failed all is written anew before anybody is answered', async () => {
  const store = new ScriptedStore()
  const commits = new GroupCommit('q', store)
  store.fail('sync', Object.assign(new Error('EIO: i/o error, fdatasync'), { syscall: 'fdatasync', code: 'EIO' }))
  store.fail('rewrite', sqliteError(13, 'database or disk is full'))
  await expect(commits.write(() => 1, durable)).rejects.toMatchObject({ code: 'MW_QUEUE_UNAVAILABLE' })
  await expect(commits.write(() => 2, durable)).rejects.toMatchObject({ code: 'MW_QUEUE_UNAVAILABLE' })
  await expect(commits.durable()).resolves.toBeUndefined()
  expect(await commits.write(() => 3, durable)).toBe(3)
  expect(store.calls).toEqual([
    ...['begin', 'commit', 'committed', 'sync'],
    'rewrite', // Fails: nothing is begun.
    ...['rewrite', 'sync'], // By durable().
    ...['begin', 'commit', 'committed', 'sync'],
  ])
})

test('a bug is not made an operating error', async () => {
  const commits = new GroupCommit('q', new ScriptedStore())
  const bug = new TypeError('undefined is not a function')
  const write = commits.write(() => {
    throw bug
  }, durable)
  await expect(write).rejects.toBe(bug)
})

test('closing settles what is under way', async () => {
  const commits = new GroupCommit('q', new ScriptedStore())
  const writes = Promise.all([1, 2].map((value) => commits.write(() => value, durable)))
  await commits.close()
  expect(await writes).toEqual([1, 2])
  await expect(commits.write(() => 3, durable)).rejects.toMatchObject({ code: 'MW_QUEUE_UNAVAILABLE' })
})
