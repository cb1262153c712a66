import type { Alert, Sample } from '../api.ts'
import { toBins } from '../bins.ts'
import { profileQueries, type Scope, valueQueries } from '../queries.ts'
import { defaultGates, driftStart, type Gates, judge, keyOf, type ValueState } from '../values.ts'
import type { Ask } from './ask.ts'
import type { History } from './history.ts'

/** What training left behind about each value. */
export interface Profile {
  readonly key: string
  readonly info: readonly Sample[]
  readonly referenceBins: readonly Sample[]
  readonly referenceErrors: readonly Sample[]
}

export async function loadProfile(ask: Ask, scope: Scope, atMs: number | undefined): Promise<Profile> {
  const [info, referenceBins, referenceErrors] = await Promise.all([
    ask(profileQueries.info(scope), atMs),
    ask(profileQueries.referenceBins(scope), atMs),
    ask(profileQueries.referenceErrors(scope), atMs),
  ])
  return { key: JSON.stringify([scope, atMs]), info, referenceBins, referenceErrors }
}

export interface Judgements {
  readonly binRows: readonly Sample[]
  readonly rows: readonly Sample[]
  readonly psi: readonly Sample[]
  readonly psiZ: readonly Sample[]
  readonly gates: Gates
}

export async function loadJudgements(ask: Ask, scope: Scope, atMs: number | undefined): Promise<Judgements> {
  const [binRows, judgements] = await Promise.all([ask(valueQueries.binRows(scope), atMs), ask(valueQueries.judgements(scope), atMs)])
  const named = (record: string) => judgements.filter(({ labels }) => labels.__name__ === `modelwatch:${record}`)
  const gates = {
    psi: named('psi_gate')[0]?.value ?? defaultGates.psi,
    psiZ: named('psi_z_gate')[0]?.value ?? defaultGates.psiZ,
    rows: named('value_rows_gate')[0]?.value ?? defaultGates.rows,
  }
  return { binRows, rows: named('value_rows'), psi: named('psi'), psiZ: named('psi_z'), gates }
}

export function toValues(profile: Profile, parts: Judgements, history: History, alerts: readonly Alert[], scope: Scope): ValueState[] {
  const keyOfSample = ({ labels }: Sample) => keyOf(labels.role ?? '', labels.name ?? '')
  const numbers = (samples: readonly Sample[]) => new Map(samples.map((sample) => [keyOfSample(sample), sample.value]))
  const bins = (samples: readonly Sample[]) => Map.groupBy(samples, keyOfSample)
  const binMap = (samples: readonly Sample[] | undefined) => new Map((samples ?? []).map(({ labels, value }) => [labels.bin ?? '', value]))
  const [psi, psiZ, rows] = [numbers(parts.psi), numbers(parts.psiZ), numbers(parts.rows)]
  const [referenceBins, binRows] = [bins(profile.referenceBins), bins(parts.binRows)]
  const infos = new Map(profile.info.map((sample) => [keyOfSample(sample), sample.labels]))
  const labelsOf = new Map([...profile.info, ...profile.referenceBins, ...parts.psi].map((sample) => [keyOfSample(sample), sample.labels]))
  return [...labelsOf].map(([key, { role, name = '' }]) => {
    const judgement = { psi: psi.get(key), psiZ: psiZ.get(key), rows: rows.get(key) }
    const verdict = judge(judgement, parts.gates)
    const alert = alerts.find(
      ({ labels }) =>
        labels.role === role &&
        labels.name === name &&
        labels.model === scope.model &&
        (labels.revision ?? scope.revision) === scope.revision,
    )
    const psiHistory = { timesMs: history.timesMs, psi: history.psi.get(key) ?? [] }
    const ofBins = toBins(binMap(referenceBins.get(key)), binMap(binRows.get(key)))
    return {
      key,
      role: role === 'output' ? 'output' : 'input',
      name,
      unit: infos.get(key)?.unit ?? '',
      type: infos.get(key)?.type ?? '',
      ...judgement,
      verdict,
      bins: ofBins,
      history: psiHistory,
      since: driftStart(verdict, alert, psiHistory, parts.gates),
      alert,
    }
  })
}
