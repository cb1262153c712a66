import { expect, test } from 'vitest'
import { toLabels } from '../../../core/labels.ts'
import { createMemoryStore } from '../../store/index.ts'
import { createQueryEngine } from '../engine.ts'

async function engine(rows: readonly [labels: Record<string, string>, timesMs: readonly number[]][]) {
  const store = createMemoryStore()
  const appender = store.appender()
  for (const [labels, timesMs] of rows) {
    let ref = 0
    for (const timeMs of timesMs) ref = appender.append(ref, toLabels(labels), timeMs, 1)
  }
  await appender.commit()
  return createQueryEngine({ experimentalFunctions: true }, { reader: store })
}

const target = { job: 'j', instance: 'i' }

test('of two info series the one with the newer sample counts, step by step', async () => {
  const { range } = await engine([
    [{ __name__: 'm', ...target }, [0, 60_000, 120_000, 180_000]],
    [{ __name__: 'target_info', ...target, v: 'old' }, [0]],
    [{ __name__: 'target_info', ...target, v: 'new' }, [120_000]],
  ])
  const { value } = await range('info(m)', { startMs: 0, endMs: 180_000, stepMs: 60_000 })
  expect(value.series.map(({ labels, timesMs }) => [labels.find(([name]) => name === 'v')![1], [...timesMs]])).toEqual([
    ['new', [120_000, 180_000]],
    ['old', [0, 60_000]],
  ])
})

test('an info series of another target has no say', async () => {
  const { instant } = await engine([
    [{ __name__: 'm', ...target }, [0]],
    [{ __name__: 'target_info', job: 'j', instance: 'other', v: '1' }, [0]],
    [{ __name__: 'target_info', job: 'j', v: '2' }, [0]],
  ])
  const { value } = await instant('info(m)', 0)
  expect(value).toMatchObject({ samples: [{ labels: toLabels({ __name__: 'm', ...target }) }] })
})

test('needs to be allowed', async () => {
  const { instant } = createQueryEngine({}, { reader: createMemoryStore() })
  await expect(instant('info(m)', 0)).rejects.toMatchObject({
    code: 'MW_PROMQL_PARSE',
    message: '1:1: parse error: function "info" is not enabled',
  })
})
