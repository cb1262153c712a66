import { expect, test } from 'vitest'
import { parseRuleFile } from './config.ts'

const engine = {
  check(expr: string) {
    if (expr.includes('(((')) throw new Error('1:4: parse error: unclosed left parenthesis')
    return expr.includes('[') ? ('matrix' as const) : ('vector' as const)
  },
}

function parse(text: string) {
  return parseRuleFile(text, { file: 'r.yml', intervalMs: 15_000 }, { engine })
}

test('a whole file', () => {
  const groups = parse(`
groups:
  - name: one
    interval: 500ms
    limit: 10
    labels: { team: ml, tier: 1 }
    rules:
      - record: a:b
        expr: 1
        labels: { tier: 2 }
      - alert: High
        expr: |
          a:b > 3
        for: 1m30s
        keep_firing_for: 5m
        labels: { severity: page }
        annotations: { summary: 'It is {{ $value | humanize }}' }
  - name: two
`)
  expect(groups).toEqual([
    {
      name: 'one',
      file: 'r.yml',
      intervalMs: 500,
      seriesMax: 10,
      rules: [
        { kind: 'recording', name: 'a:b', expr: '1', labels: { team: 'ml', tier: '2' } },
        {
          kind: 'alerting',
          name: 'High',
          expr: 'a:b > 3',
          forMs: 90_000,
          keepFiringForMs: 300_000,
          labels: { team: 'ml', tier: '1', severity: 'page' },
          annotations: { summary: 'It is {{ $value | humanize }}' },
        },
      ],
    },
    { name: 'two', file: 'r.yml', intervalMs: 15_000, seriesMax: Number.POSITIVE_INFINITY, rules: [] },
  ])
})

const group = (rule: string) => `groups:\n  - name: g\n    rules:\n      - ${rule}\n`

test.for([
  {
    why: 'an unknown key',
    text: group('{ record: a, expr: x, colour: red }'),
    want: 'r.yml:4:31: groups[0].rules[0].colour: unknown key; known here: record',
  },
  {
    why: 'query_offset',
    text: 'groups: [{ name: g, query_offset: 1m }]',
    want: 'groups[0].query_offset: is not supported by this version',
  },
  { why: 'neither record nor alert', text: group('{ expr: x }'), want: 'r.yml:4:9: groups[0].rules[0]: a rule needs record or alert' },
  { why: 'both', text: group('{ record: a, alert: b, expr: x }'), want: 'r.yml:4:22: groups[0].rules[0].alert: a rule has either' },
  { why: 'no expression', text: group('{ record: a }'), want: 'groups[0].rules[0]: needs the key expr' },
  {
    why: 'an expression that does not parse',
    text: group('{ record: a, expr: "((( x" }'),
    want: 'r.yml:4:22: groups[0].rules[0].expr: 1:4: parse error',
  },
  { why: 'an expression of the wrong type', text: group('{ record: a, expr: "x[5m]" }'), want: 'expr: gives a matrix' },
  { why: 'for in a recording rule', text: group('{ record: a, expr: x, for: 1m }'), want: 'rules[0].for: belongs to alerting rules' },
  {
    why: 'annotations in a recording rule',
    text: group('{ record: a, expr: x, annotations: { b: c } }'),
    want: 'annotations: belong to alerting rules',
  },
  { why: 'braces in a name', text: group('{ record: "a{b}", expr: x }'), want: 'holds braces' },
  {
    why: '__name__ as a label',
    text: group('{ record: a, expr: x, labels: { __name__: b } }'),
    want: '"__name__" is not a valid label name here',
  },
  {
    why: 'a template not known',
    text: group('{ alert: a, expr: x, annotations: { s: "{{ if 1 }}" } }'),
    want: 'annotations.s: "if" in {{ if 1 }} is not supported',
  },
  {
    why: 'a template that does not end',
    text: group('{ alert: a, expr: x, labels: { s: "{{ $value" } }'),
    want: 'labels.s: {{ without }}',
  },
  { why: 'a group twice', text: 'groups:\n  - name: g\n  - name: g\n', want: 'r.yml:3:5: groups[1].name: "g" names another group' },
  { why: 'not a duration', text: group('{ alert: a, expr: x, for: soon }'), want: 'rules[0].for: must be a duration' },
  { why: 'no groups but something else', text: 'spec: {}\n', want: 'r.yml:1:1: spec: unknown key; known here: groups' },
])('$why is refused by place and name', ({ text, want }) => {
  expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'MW_CONFIG_INVALID', message: expect.stringContaining(want) }))
})

test('an empty file has no groups', () => expect(parse('')).toEqual([]))
