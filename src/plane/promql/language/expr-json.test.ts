import { expect, test } from 'vitest'
import { parseQueryTree } from './expr-json.ts'

// What Prometheus 3.5.3 answers to parse_query for each.
test.for([
  ['5m', '{"type":"numberLiteral","val":"300"}'],
  ['"x"', '{"type":"stringLiteral","val":"x"}'],
  [
    '-a',
    '{"expr":{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"op":"-","type":"unaryExpr"}',
  ],
  [
    '(a)',
    '{"expr":{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"parenExpr"}',
  ],
  [
    'a{b="c",d!~"e"} offset 5m',
    '{"matchers":[{"name":"b","type":"=","value":"c"},{"name":"d","type":"!~","value":"e"},{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":300000,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"}',
  ],
  [
    '{"x.y"} @ start()',
    '{"matchers":[{"name":"__name__","type":"=","value":"x.y"}],"name":"","offset":0,"startOrEnd":"start","timestamp":null,"type":"vectorSelector"}',
  ],
  [
    'a[5m*2] @ 1.5',
    '{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"range":0,"startOrEnd":null,"timestamp":1500,"type":"matrixSelector"}',
  ],
  [
    'a[5m:1m] offset -1h',
    '{"expr":{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"offset":-3600000,"range":300000,"startOrEnd":null,"step":60000,"timestamp":null,"type":"subquery"}',
  ],
  [
    'a + 1',
    '{"bool":false,"lhs":{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"matching":null,"op":"+","rhs":{"type":"numberLiteral","val":"1"},"type":"binaryExpr"}',
  ],
  [
    'a and b',
    '{"bool":false,"lhs":{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"matching":{"card":"many-to-many","include":[],"labels":[],"on":false},"op":"and","rhs":{"matchers":[{"name":"__name__","type":"=","value":"b"}],"name":"b","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"binaryExpr"}',
  ],
  [
    'a == bool on(x) group_left(y) b',
    '{"bool":true,"lhs":{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"matching":{"card":"many-to-one","include":["y"],"labels":["x"],"on":true},"op":"==","rhs":{"matchers":[{"name":"__name__","type":"=","value":"b"}],"name":"b","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"binaryExpr"}',
  ],
  [
    'topk by (z) (5, a)',
    '{"expr":{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"grouping":["z"],"op":"topk","param":{"type":"numberLiteral","val":"5"},"type":"aggregation","without":false}',
  ],
  [
    'label_join(a, "b", "c")',
    '{"args":[{"matchers":[{"name":"__name__","type":"=","value":"a"}],"name":"a","offset":0,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"},{"type":"stringLiteral","val":"b"},{"type":"stringLiteral","val":"c"}],"func":{"argTypes":["vector","string","string","string"],"name":"label_join","returnType":"vector","variadic":-1},"type":"call"}',
  ],
  ['time()', '{"args":[],"func":{"argTypes":[],"name":"time","returnType":"scalar","variadic":0},"type":"call"}'],
  ['inf', '{"type":"numberLiteral","val":"+Inf"}'],
] as const)('%s', ([query, want]) => expect(JSON.parse(JSON.stringify(parseQueryTree(query)))).toEqual(JSON.parse(want)))
