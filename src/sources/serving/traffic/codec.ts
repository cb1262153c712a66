import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { ModelTraffic, Split, TrafficState } from './contract.ts'
import { trafficErrors } from './errors.ts'

/*
 * How a model's traffic is kept as text. Keys that are not known are passed over, so that a newer modelwatch may add some while an older one
 * still runs; what is known is checked, for the store is shared with whoever can reach it.
 */

const Percent = Type.Integer({ minimum: 0, maximum: 100 })
const StoredSplit = Type.Object({
  shares: Type.Union([Type.Literal('latest'), Type.Array(Type.Object({ revision: Type.String(), percent: Percent }), { minItems: 1 })]),
  latest: Type.String(),
  sinceMs: Type.Number(),
  undone: Type.Optional(Type.Literal(true)),
})
const StoredTraffic = Type.Object({
  model: Type.String(),
  latest: Type.String(),
  split: StoredSplit,
  tags: Type.Record(Type.String(), Type.String()),
  shadow: Type.Optional(Type.Object({ revision: Type.String(), ratio: Type.Number({ exclusiveMinimum: 0, maximum: 1 }) })),
  history: Type.Array(StoredSplit),
  generation: Type.Integer({ minimum: 1 }),
})

/** What follows from a change: the next generation. */
export function nextTraffic(model: string, current: ModelTraffic | undefined, state: TrafficState): ModelTraffic {
  const { latest, split, tags, shadow, history } = state
  return { model, latest, split, tags, shadow, history, generation: (current?.generation ?? 0) + 1 }
}

export const encodeTraffic = (traffic: ModelTraffic): string => JSON.stringify(traffic)

/**
 * @param model - Under whose name it was kept.
 * @throws MW_TRAFFIC_UNREADABLE.
 */
export function decodeTraffic(model: string, text: string): ModelTraffic {
  const value = parseJson(model, text)
  if (!Value.Check(StoredTraffic, value) || value.model !== model) {
    const fault = Value.Errors(StoredTraffic, value)[0]
    const where =
      fault === undefined ? 'it is of another model' : `${fault.instancePath === '' ? 'it' : fault.instancePath} ${fault.message}`
    throw trafficErrors.MW_TRAFFIC_UNREADABLE(`what is kept of the traffic of ${model} cannot be understood: ${where}`)
  }
  const { latest, split, tags, shadow, history, generation } = value
  return {
    model,
    latest,
    split: toSplit(split),
    tags: { ...tags },
    shadow: shadow === undefined ? undefined : { revision: shadow.revision, ratio: shadow.ratio },
    history: history.map(toSplit),
    generation,
  }
}

function parseJson(model: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw trafficErrors.MW_TRAFFIC_UNREADABLE(`what is kept of the traffic of ${model} is no JSON`, { cause })
  }
}

function toSplit({ shares, latest, sinceMs, undone }: Split): Split {
  return {
    shares: shares === 'latest' ? shares : shares.map(({ revision, percent }) => ({ revision, percent })),
    latest,
    sinceMs,
    ...(undone === true ? { undone } : {}),
  }
}
