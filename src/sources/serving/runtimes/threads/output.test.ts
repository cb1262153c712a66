import { expect, test, vi } from 'vitest'
import { LINES_MAX, LineSplitter, limited } from './output.ts'

const split = (...chunks: readonly (string | Uint8Array)[]) => {
  const lines: string[] = []
  const splitter = new LineSplitter((line) => lines.push(line))
  for (const chunk of chunks) splitter.write(typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
  splitter.end()
  return lines
}

test.for([
  { why: 'nothing', chunks: [], want: [] },
  { why: 'a line in pieces', chunks: ['a', 'b\nc', '\n'], want: ['ab', 'c'] },
  { why: 'a letter in pieces', chunks: [Uint8Array.of(0xc3), Uint8Array.of(0xa9, 0x0a)], want: ['é'] },
  { why: 'no line end at the end', chunks: ['a\nb'], want: ['a', 'b'] },
  { why: 'line ends of Windows, and empty lines', chunks: ['a\r\n\n\nb\n'], want: ['a', 'b'] },
])('$why', ({ chunks, want }) => expect(split(...chunks)).toEqual(want))

test('a line without end is told in pieces', () => {
  expect(split('x'.repeat(10_000), 'y').map(({ length }) => length)).toEqual([8192, 1808, 1])
})

test('a flood of lines is cut short for a second, and counted', () => {
  let nowMs = 5000
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  try {
    const lines: string[] = []
    const tell = limited((line) => lines.push(line))
    for (let i = 0; i < LINES_MAX + 50; i++) tell(`line ${i}`)
    expect(lines.length).toBe(LINES_MAX)
    nowMs += 1000
    tell('after')
    expect(lines.slice(LINES_MAX)).toEqual(['(50 lines more; at most 200 a second are told)', 'after'])
  } finally {
    clock.mockRestore()
  }
})
