import { expect, test } from 'vitest'
import { describeRetention, flagsOf, parseBytes, queryDefaults, retentionOf, storageDefaults } from './monitor-options.ts'

const DAY_MS = 86_400_000
const GIB = 1024 ** 3

test.for([
  { why: 'in memory: little', storage: {}, ms: DAY_MS / 4, shown: '6h', flag: '6h' },
  { why: 'on disk: as Prometheus', storage: { path: 'data' }, ms: 15 * DAY_MS, shown: '15d', flag: '15d' },
  { why: 'what was asked for', storage: { path: 'data', retentionMs: 3 * DAY_MS }, ms: 3 * DAY_MS, shown: '3d', flag: '3d' },
  {
    why: 'where a size alone is set it is the bound, and nothing is forgotten for its age',
    storage: { path: 'data', retentionBytes: 10 * GIB },
    ms: 200 * 365 * DAY_MS,
    shown: '10GB',
    flag: '0s',
  },
  {
    why: 'where both are set both hold',
    storage: { path: 'data', retentionMs: DAY_MS, retentionBytes: 1.5 * GIB },
    ms: DAY_MS,
    shown: '1d or 1536MB',
    flag: '1d',
  },
])('retention $why', ({ storage, ms, shown, flag }) => {
  const options = { ...storageDefaults, ...storage }
  expect([retentionOf(options), describeRetention(options)]).toEqual([ms, shown])
  const flags = flagsOf({ configFile: 'prometheus.yml', listen: '127.0.0.1:9090' }, options, queryDefaults)
  expect(flags['storage.retention.time']).toBe(flag)
})

test.for<[string, number | undefined]>([
  ['512MB', 512 * 1024 ** 2],
  ['1.5TiB', 1.5 * 1024 ** 4],
  ['7B', 7],
  ['7', undefined],
  ['7gb', undefined],
  ['-1GB', undefined],
])('a size of %s is %s bytes', ([text, bytes]) => expect(parseBytes(text)).toBe(bytes))
