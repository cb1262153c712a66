import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { Duration, parseConfig } from './config.ts'

const Schema = Type.Object(
  {
    interval: Duration({ default: '15s' }),
    mode: Type.Optional(Type.Union([Type.Literal('fast'), Type.Literal('safe')])),
    jobs: Type.Array(
      Type.Object({ name: Type.String(), rate: Type.Optional(Type.Number({ minimum: 0 })) }, { additionalProperties: false }),
      { default: [] },
    ),
  },
  { additionalProperties: false },
)

test.for([
  {
    why: 'an unknown key',
    text: 'interval: 5s\nintervall: 6s\n',
    want: 'x.yaml:2:1: intervall: unknown key; known here: interval, mode, jobs',
  },
  {
    why: 'an unknown key inside a list',
    text: 'jobs:\n  - name: a\n    raet: 3\n',
    want: 'x.yaml:3:5: jobs[0].raet: unknown key; known here: name, rate',
  },
  { why: 'a missing key', text: 'jobs:\n  - rate: 3\n', want: 'x.yaml:2:5: jobs[0]: needs the key name' },
  { why: 'a wrong type', text: 'jobs:\n  - { name: a, rate: fast }\n', want: 'x.yaml:2:16: jobs[0].rate: must be number, not "fast"' },
  { why: 'a value out of bounds', text: 'jobs: [{ name: a, rate: -1 }]', want: 'x.yaml:1:19: jobs[0].rate: must be >= 0, not -1' },
  { why: 'not one of the choices', text: 'mode: slow', want: 'x.yaml:1:1: mode: must be one of fast, safe, not "slow"' },
  { why: 'not a duration', text: 'interval: soon', want: 'x.yaml:1:1: interval: must be a duration such as 15s or 1h30m, not' },
  { why: 'an empty duration', text: 'interval: ""', want: 'x.yaml:1:1: interval: must be a duration such as 15s or 1h30m, not' },
  { why: 'the same key twice', text: 'interval: 5s\ninterval: 6s\n', want: 'x.yaml:2:1: not valid YAML: Map keys must be unique' },
  { why: 'broken YAML', text: 'jobs: [', want: 'x.yaml:1:8: not valid YAML' },
  { why: 'a list where a mapping belongs', text: '- a\n', want: 'x.yaml:1:1: must be object' },
])('$why is refused by place and name', ({ text, want }) => {
  expect(() => parseConfig(Schema, text, { file: 'x.yaml' })).toThrow(
    expect.objectContaining({ code: 'MW_CONFIG_INVALID', message: expect.stringContaining(want) }),
  )
})

test('an empty file is a file of defaults', () => {
  expect(parseConfig(Schema, '', { file: 'x.yaml' }).value).toEqual({ interval: '15s', jobs: [] })
})

test('a block with nothing under it takes its defaults, and a bare zero is a duration', () => {
  expect(parseConfig(Schema, 'interval: 0\njobs:\n', { file: 'x.yaml' }).value).toEqual({ interval: '0', jobs: [] })
})

test('aliases that stand for too much are refused', () => {
  const lines = Array.from({ length: 12 }, (_, i) => `a${i}: &a${i} [${new Array(10).fill(i === 0 ? '1' : `*a${i - 1}`).join(', ')}]`)
  expect(() => parseConfig(Schema, lines.join('\n'), { file: 'x.yaml' })).toThrow(expect.objectContaining({ code: 'MW_CONFIG_INVALID' }))
})

test('a room can point at a place too', () => {
  const config = parseConfig(Schema, 'jobs:\n  - name: a\n  - name: a\n', { file: 'x.yaml' })
  expect(config.error(['jobs', 1, 'name'], 'is taken').message).toBe('x.yaml:3:5: jobs[1].name: is taken')
})
