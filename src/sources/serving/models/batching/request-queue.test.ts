import { expect, test } from 'vitest'
import { RequestQueue, type WaitingRequest } from './request-queue.ts'
import { numbers } from './testing.ts'

const request = (rows: number): WaitingRequest => ({
  columns: numbers(...Array.from({ length: rows }, () => 0)),
  deadlineMs: undefined,
  signal: undefined,
  arrivedMs: 0,
  aheadMs: 0,
  resolve: () => {},
  reject: () => {},
  isSettled: false,
  rowsSent: 0,
  rowsDone: 0,
  sentMs: Number.NaN,
  queueMs: 0,
  batchMs: 0,
  pieces: undefined,
})

function queueOf(pieceRowsMax: number, ...rows: readonly number[]) {
  const queue = new RequestQueue(pieceRowsMax)
  for (const count of rows) queue.push(request(count))
  return queue
}
const isWanted = ({ isSettled }: WaitingRequest) => !isSettled
const take = (queue: RequestQueue, rowsMax: number) => queue.take(rowsMax, isWanted).map(({ from, to }) => [from, to])

test.for([
  {
    why: 'whole requests as long as they fit',
    rows: [1, 2, 3],
    rowsMax: 4,
    want: [
      [0, 1],
      [0, 2],
    ],
    left: 3,
  },
  { why: 'the first always, cut only at the size of a piece', rows: [6, 1], rowsMax: 4, want: [[0, 6]], left: 1 },
  { why: 'a piece of a larger one, by itself', rows: [11, 1], rowsMax: 8, want: [[0, 8]], left: 4 },
  { why: 'nobody goes past one that does not fit', rows: [3, 2, 1], rowsMax: 4, want: [[0, 3]], left: 3 },
  {
    why: 'requests without rows take their place',
    rows: [0, 0, 1],
    rowsMax: 4,
    want: [
      [0, 0],
      [0, 0],
      [0, 1],
    ],
    left: 0,
  },
])('$why', ({ rows, rowsMax, want, left }) => {
  const queue = queueOf(8, ...rows)
  expect(take(queue, rowsMax)).toEqual(want)
  expect(queue.rows).toBe(left)
})

test('the last piece of a large request makes room for those behind it', () => {
  const queue = queueOf(8, 10, 3, 4)
  expect([take(queue, 8), take(queue, 8), take(queue, 8), take(queue, 8)]).toEqual([
    [[0, 8]],
    [
      [8, 10],
      [0, 3],
    ],
    [[0, 4]],
    [],
  ])
  expect(queue.rows).toBe(0)
})

test('those who are no longer wanted are passed over, and their rows do not wait', () => {
  const queue = queueOf(8, 2, 3, 4)
  const [first, second] = [...queue.waiting()]
  first!.isSettled = true
  queue.sweep()
  expect(queue.rows).toBe(7)
  second!.isSettled = true
  expect(take(queue, 8)).toEqual([[0, 4]])
  expect(queue.rows).toBe(0)
})

test('a queue that is never empty does not keep what has left it', () => {
  const queue = queueOf(1)
  for (let i = 0; i < 10; i++) queue.push(request(1))
  for (let i = 0; i < 10_000; i++) {
    queue.push(request(1))
    expect(take(queue, 1)).toEqual([[0, 1]])
  }
  expect([...queue.waiting()].length).toBe(10)
  expect(queue.rows).toBe(10)
})
