import { Command } from 'commander'
import { expect, test } from 'vitest'
import type { MonitorOptions } from '../../app/monitor-options.ts'
import { addMonitorFlags, type MonitorFlags, toMonitorOptions } from './monitor-flags.ts'

function parse(...args: string[]): MonitorOptions {
  const command = addMonitorFlags(new Command('monitor').exitOverride().configureOutput({ writeErr() {} }))
  command.parse(args, { from: 'user' })
  return toMonitorOptions(command.opts<MonitorFlags>(), '/ui')
}

test('without a flag there is a default for everything', () => {
  expect(parse()).toEqual({
    configFile: 'prometheus.yml',
    listen: '127.0.0.1:9090',
    uiDir: '/ui',
    storage: { path: 'data', retentionMs: undefined, retentionBytes: undefined, fsyncIntervalMs: 1000, seriesMax: undefined },
    query: {
      lookbackMs: 300_000,
      timeoutMs: 120_000,
      concurrencyMax: 20,
      samplesMax: 50_000_000,
      seriesMax: 100_000,
      pointsMax: 11_000,
      bytesMax: 2 ** 29,
      bytesTotalMax: 2 ** 30,
    },
    corsOrigin: '.*',
    enableAdminApi: false,
    enableRemoteWriteReceiver: false,
    features: [],
  })
})

test('a line written for Prometheus is understood, with blanks and with equal signs', () => {
  const line =
    '--config.file /d/prometheus.yml --storage.path /d/data --web.listen-address 127.0.0.1:1234 --web.enable-admin-api --web.enable-remote-write-receiver' +
    ' --storage.retention.time 200y --enable-feature promql-experimental-functions,promql-delayed-name-removal --query.timeout=30s'
  expect(parse(...line.split(' '))).toMatchObject({
    configFile: '/d/prometheus.yml',
    listen: '127.0.0.1:1234',
    storage: { path: '/d/data', retentionMs: 200 * 365 * 86_400_000 },
    query: { timeoutMs: 30_000 },
    enableAdminApi: true,
    enableRemoteWriteReceiver: true,
    features: ['promql-experimental-functions', 'promql-delayed-name-removal'],
  })
})

test.for<{ args: string[]; want: object }>([
  { args: ['--storage.tsdb.path=/x'], want: { storage: { path: '/x' } } },
  { args: ['--storage.tsdb.retention.time', '30d'], want: { storage: { retentionMs: 30 * 86_400_000 } } },
  { args: ['--storage.tsdb.retention.size', '1GB'], want: { storage: { retentionBytes: 1024 ** 3 } } },
  { args: ['--storage.retention.size', '512MB'], want: { storage: { retentionBytes: 512 * 1024 ** 2 } } },
  { args: ['--storage.retention.size', '1.5TiB'], want: { storage: { retentionBytes: 1.5 * 1024 ** 4 } } },
  { args: ['--storage.retention.size', '0'], want: { storage: { retentionBytes: undefined } } },
  { args: ['--storage.wal-fsync-interval', '0s'], want: { storage: { fsyncIntervalMs: 0 } } },
  { args: ['--storage.series-max', '5000'], want: { storage: { seriesMax: 5000 } } },
  { args: ['--enable-feature', 'a', '--enable-feature', 'b, c'], want: { features: ['a', 'b', 'c'] } },
])('$args', ({ args, want }) => expect(parse(...args)).toMatchObject(want))

test.for([
  { args: ['--storage.retention.time', 'long'], error: '--storage.retention.time: long is not a duration such as 6h' },
  { args: ['--storage.retention.time', '0'], error: '--storage.retention.time: 0 is too short; it must be above zero' },
  { args: ['--storage.retention.size', '5'], error: '--storage.retention.size: 5 is not a size' },
  { args: ['--query.max-concurrency', '0'], error: '--query.max-concurrency: 0 is not a count above zero' },
  { args: ['--query.max-samples', '1e6'], error: '--query.max-samples: 1e6 is not a count above zero' },
])('$args is refused by name', ({ args, error }) => {
  expect(() => parse(...args)).toThrow(expect.objectContaining({ code: 'MW_USAGE', message: expect.stringContaining(error) }))
})
