import { expect, test } from 'vitest'
import { createAnswerCheck } from './testing.ts'
import { nowMs, seconds, useTestPlane } from './testing-plane.ts'

const plane = useTestPlane()
const checkAnswer = createAnswerCheck()

test.for([
  {
    why: 'a vector',
    query: 'load{zone="a"}',
    want: { resultType: 'vector', result: [{ metric: { __name__: 'load', zone: 'a' }, value: [seconds, '2.5'] }] },
  },
  {
    why: 'a small number in the exponent form',
    query: 'sum(load{zone="b"})',
    want: { resultType: 'vector', result: [{ metric: {}, value: [seconds, '1e-07'] }] },
  },
  { why: 'NaN', query: 'sum(odd)', want: { resultType: 'vector', result: [{ metric: {}, value: [seconds, 'NaN'] }] } },
  { why: 'infinity', query: '-end', want: { resultType: 'vector', result: [{ metric: {}, value: [seconds, '-Inf'] }] } },
  { why: 'a scalar', query: '6 * 7', want: { resultType: 'scalar', result: [seconds, '42'] } },
  { why: 'a string', query: '"a\\"b"', want: { resultType: 'string', result: [seconds, 'a"b'] } },
  {
    why: 'a matrix',
    query: 'load{zone="a"}[15s]',
    want: {
      resultType: 'matrix',
      result: [
        {
          metric: { __name__: 'load', zone: 'a' },
          values: [
            [seconds - 10, '2.25'],
            [seconds, '2.5'],
          ],
        },
      ],
    },
  },
  { why: 'nothing', query: 'none', want: { resultType: 'vector', result: [] } },
])('query: $why', async ({ query, want }) => {
  expect(await plane.get('query', { query })).toEqual({ status: 200, body: { status: 'success', data: want } })
})

test('times are RFC 3339 or Unix seconds, and fractions are milliseconds', async () => {
  for (const time of [`${seconds - 10.5}`, '2026-11-20T11:59:49.5Z', '2026-11-20T12:59:49.500+01:00']) {
    const { body } = await plane.get('query', { query: 'load{zone="a"}', time })
    expect(body.data.result[0].value).toEqual([seconds - 10.5, '2'])
  }
})

test('a range query, by GET and by a posted form', async () => {
  const params = { query: 'load{zone="a"}', start: `${seconds - 20}`, end: '2026-11-20T12:00:00Z', step: '10s' }
  const want = {
    resultType: 'matrix',
    result: [
      {
        metric: { __name__: 'load', zone: 'a' },
        values: [
          [seconds - 20, '2'],
          [seconds - 10, '2.25'],
          [seconds, '2.5'],
        ],
      },
    ],
  }
  expect((await plane.get('query_range', params)).body.data).toEqual(want)
  const posted = await plane.inject({
    method: 'POST',
    url: '/api/v1/query_range?step=20',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ ...params, step: '10' }).toString(),
  })
  expect(posted.json().data).toEqual(want)
})

test('a long matrix is streamed and whole', async () => {
  const { body } = await plane.get('query_range', {
    query: 'vector(time()) or load',
    start: `${seconds - 10_000}`,
    end: `${seconds}`,
    step: '1',
  })
  const [series] = body.data.result.filter((s: { metric: object }) => Object.keys(s.metric).length === 0)
  expect(series.values).toHaveLength(10_001)
  expect(series.values[10_000]).toEqual([seconds, String(seconds)])
  expect(checkAnswer?.('QueryRangeOutputBody', body) ?? '').toBe('')
})

test('to look back 0 or less is the default', async () => {
  for (const lookback of ['0', '-5', '5m'])
    expect((await plane.get('query', { query: 'load', time: `${seconds + 60}`, lookback_delta: lookback })).body.data.result).toHaveLength(
      2,
    )
  expect((await plane.get('query', { query: 'load', time: `${seconds + 60}`, lookback_delta: '30s' })).body.data.result).toEqual([])
})

test('limit cuts and says so', async () => {
  const { body } = await plane.get('query', { query: 'load', limit: '1' })
  expect(body.data.result).toHaveLength(1)
  expect(body.warnings).toEqual(['results truncated due to limit'])
  expect((await plane.get('labels', { limit: '1' })).body).toMatchObject({
    data: ['__name__'],
    warnings: ['results truncated due to limit'],
  })
})

test.for([
  { path: 'query', params: {}, status: 400, type: 'bad_data', error: 'invalid parameter "query"' },
  { path: 'query', params: { query: 'sum(' }, status: 400, type: 'bad_data', error: 'parse error' },
  {
    path: 'query',
    params: { query: 'up', time: 'soon' },
    status: 400,
    type: 'bad_data',
    error: `invalid parameter "time": invalid time value for 'time': cannot parse "soon" to a valid timestamp`,
  },
  { path: 'query', params: { query: 'up', time: 'NaN' }, status: 400, type: 'bad_data', error: 'cannot parse "NaN"' },
  { path: 'query', params: { query: 'up', timeout: 'x' }, status: 400, type: 'bad_data', error: 'invalid parameter "timeout"' },
  {
    path: 'query',
    params: { query: 'up', timeout: '-5' },
    status: 400,
    type: 'bad_data',
    error: 'invalid parameter "timeout": "-5" is not a duration above 0',
  },
  { path: 'query', params: { query: 'up', timeout: '0' }, status: 400, type: 'bad_data', error: 'invalid parameter "timeout"' },
  { path: 'query', params: { query: '1+'.repeat(4900) + 1 }, status: 400, type: 'bad_data', error: 'expression too long' },
  {
    path: 'label/%zz/values',
    params: {},
    status: 400,
    type: 'bad_data',
    error: "'/api/v1/label/%zz/values' is not a valid url component",
  },
  { path: 'query', params: { query: 'load + on() load' }, status: 422, type: 'execution', error: 'many' },
  { path: 'query', params: { query: 'up', limit: '-1' }, status: 400, type: 'bad_data', error: 'invalid parameter "limit"' },
  { path: 'query_range', params: { query: 'up', start: '0', end: '1' }, status: 400, type: 'bad_data', error: 'invalid parameter "step"' },
  {
    path: 'query_range',
    params: { query: 'up', start: '2', end: '1', step: '1' },
    status: 400,
    type: 'bad_data',
    error: 'end timestamp must not be before start time',
  },
  {
    path: 'query_range',
    params: { query: 'up', start: '0', end: '1', step: '0' },
    status: 400,
    type: 'bad_data',
    error: 'zero or negative query resolution step',
  },
  {
    path: 'query_range',
    params: { query: 'up', start: '0', end: '11001', step: '1' },
    status: 400,
    type: 'bad_data',
    error: 'exceeded maximum resolution of 11,000 points',
  },
  {
    path: 'query_range',
    params: { query: 'up[5m]', start: '0', end: '1', step: '1' },
    status: 400,
    type: 'bad_data',
    error: 'range vector',
  },
  { path: 'series', params: {}, status: 400, type: 'bad_data', error: 'no match[] parameter provided' },
  { path: 'series', params: { 'match[]': 'rate(up[5m])' }, status: 400, type: 'bad_data', error: 'invalid parameter "match[]"' },
  { path: 'series', params: { 'match[]': '{__name__=~".*"}' }, status: 400, type: 'bad_data', error: 'at least one non-empty matcher' },
  { path: 'rules', params: { type: 'x' }, status: 400, type: 'bad_data', error: 'not supported value "x"' },
  { path: 'none', params: {}, status: 404, type: 'not_found', error: 'GET /api/v1/none' },
])('$path $params is refused with $status', async ({ path, params, status, type, error }) => {
  const answer = await plane.get(path, params as unknown as Record<string, string>)
  expect(answer).toMatchObject({ status, body: { status: 'error', errorType: type, error: expect.stringContaining(error) } })
  expect(checkAnswer?.('Error', answer.body) ?? '').toBe('')
})

test('an empty plane.store has the ends of time, in digits that fit 64 bits', async () => {
  const { payload } = await plane.inject('/api/v1/status/tsdb')
  expect(payload).toContain(`"minTime":9223372036854775807,"maxTime":${nowMs}}`)
})

test('a query is formatted and parsed', async () => {
  expect((await plane.get('format_query', { query: 'sum(a)by(b)' })).body.data).toBe('sum by (b) (a)')
  expect((await plane.get('parse_query', { query: 'a' })).body.data).toMatchObject({ type: 'vectorSelector', name: 'a' })
  for (const path of ['format_query', 'parse_query']) {
    const { status, body } = await plane.get(path, { query: 'sum(' })
    expect([status, body.errorType, body.error]).toEqual([
      400,
      'bad_data',
      'invalid parameter "query": 1:5: parse error: unclosed left parenthesis',
    ])
  }
})

test('stats are told where they are asked for', async () => {
  const stats = async (params: Record<string, string>) => (await plane.get('query', { query: 'load', ...params })).body.data.stats
  expect(await stats({})).toBeUndefined()
  expect(await stats({ stats: 'true' })).toMatchObject({
    timings: { execTotalTime: expect.any(Number) },
    samples: { totalQueryableSamples: 2 },
  })
  expect((await stats({ stats: 'all' })).samples).not.toHaveProperty('totalQueryableSamplesPerStep') // The feature is off.
})

test.for(['/api/v1/query?query=1', '/api/v1/labels', '/api/v1/query'])('%s is JSON and nothing more', async (url) => {
  const reply = await plane.inject({ url })
  expect(reply.headers['content-type']).toBe('application/json')
})

test('an address that has other methods says which', async () => {
  const { statusCode, headers, payload } = await plane.inject({ method: 'DELETE', url: '/api/v1/query?query=1' })
  expect([statusCode, headers.allow, JSON.parse(payload).error]).toEqual([
    405,
    'GET, POST',
    'DELETE is not allowed at /api/v1/query; it answers GET and POST',
  ])
  expect((await plane.inject({ method: 'POST', url: '/api/v1/label/x/values' })).statusCode).toBe(405)
})

test('a body that is no form says nothing', async () => {
  const { statusCode } = await plane.inject({
    method: 'POST',
    url: '/api/v1/query?query=1',
    headers: { 'content-type': 'application/json' },
    payload: '{',
  })
  expect(statusCode).toBe(200)
})

test('health', async () => {
  expect((await plane.inject('/-/healthy')).statusCode).toBe(200)
  expect((await plane.inject('/-/ready')).statusCode).toBe(200)
})
