import { type Vector, type World, wander } from './fake-world.ts'

/** When the second revision came, and when the traffic went back to the first, in seconds since the world began. */
const deployedAtS = 1800
const rolledBackAtS = 3300
/** When more tasks began to come than are done, and when they began to die. */
const backlogAtS = 2900
const dyingAtS = 3200

export const deployedS = ({ beganS }: World) => beganS + deployedAtS
export const hasSecond = (world: World, s: number) => world.scenario.second !== undefined && s >= deployedS(world)

/** What the expressions about revisions and tasks give at a moment; undefined for any other. All of it is about weather. */
export function evaluateServing(world: World, expr: string, s: number): Vector | undefined {
  const shares = sharesOf(world, s)
  const perRevision = (value: (revision: string, share: number) => number): Vector =>
    shares
      .filter(([, share]) => share > 0)
      .map(([revision, share]) => ({ labels: { model: 'weather', revision }, value: value(revision, share) }))
  const isShadowed = hasSecond(world, s) && world.scenario.second === 'shadow'
  const ofShadow = (rows: readonly (readonly [Record<string, string>, number])[]): Vector =>
    isShadowed ? rows.map(([labels, value]) => ({ labels: { revision: 'v2', ...labels }, value })) : []
  const rows: [RegExp, () => Vector][] = [
    [/traffic_ratio/, () => shares.map(([revision, value]) => ({ labels: { model: 'weather', revision }, value }))],
    [/tag_info/, () => (hasSecond(world, s) ? [{ labels: { revision: 'v2', tag: 'candidate' }, value: 1 }] : [])],
    [/shadow_difference/, () => ofShadow([[{ name: 'temp_max_tomorrow' }, 0.31]])],
    [
      /shadow_rows/,
      () =>
        ofShadow([
          [{ outcome: 'agree' }, 4801.3],
          [{ outcome: 'disagree' }, 160.2],
          [{ outcome: 'failed' }, 2],
          [{ outcome: 'dropped' }, 0],
        ]),
    ],
    [/by \(revision\).*code=~"5/, () => perRevision((revision) => (revision === 'v2' ? 0.084 : 0.0004))],
    [/by \(revision\).*requests_total/, () => perRevision((revision, share) => share * (23 + 4 * wander(`rate${revision}`, s)))],
    [/by \(revision, le\)/, () => perRevision((revision) => (revision === 'v2' ? 0.0091 : 0.0028) + 0.0008 * wander(revision, s))],
    [/queue_tasks/, () => counts(world, s).map(([state, value]) => ({ labels: { state }, value }))],
    [/queue_oldest_age/, () => (world.scenario.tasks === undefined ? [] : [{ labels: {}, value: oldestAge(world, s) }])],
    [/modelwatch_tasks_total/, () => rates(world, s).map(([outcome, value]) => ({ labels: { outcome }, value }))],
  ]
  return rows.find(([pattern]) => pattern.test(expr))?.[1]()
}

function sharesOf(world: World, s: number): [string, number][] {
  if (!hasSecond(world, s)) return [['v1', 1]]
  const second =
    world.scenario.second === 'tenth' ? 0.1 : world.scenario.second === 'rolled-back' && s < world.beganS + rolledBackAtS ? 1 : 0
  return [
    ['v1', 1 - second],
    ['v2', second],
  ]
}

const waitingOf = (world: World, s: number) =>
  world.scenario.tasks === 'backlog'
    ? Math.max(0, Math.round((s - world.beganS - backlogAtS) * 2.6))
    : Math.round(6 * wander('waiting', s, 9) ** 3)

function counts(world: World, s: number): [string, number][] {
  const { tasks } = world.scenario
  if (tasks === undefined) return []
  if (tasks === 'over') return ['waiting', 'active', 'delayed', 'dead'].map((state) => [state, 0])
  const died = tasks === 'dying' ? Math.max(0, Math.ceil((s - world.beganS - dyingAtS) / 60)) : 0
  return [
    ['waiting', waitingOf(world, s)],
    ['active', 4 + Math.round(4 * wander('active', s, 11))],
    ['delayed', died > 0 ? 2 : 0],
    ['dead', died],
  ]
}

function oldestAge(world: World, s: number): number {
  const waiting = world.scenario.tasks === 'over' ? 0 : waitingOf(world, s)
  return world.scenario.tasks === 'backlog' ? waiting / 9 : waiting === 0 ? 0 : 0.02 * waiting
}

function rates(world: World, s: number): [string, number][] {
  const { tasks } = world.scenario
  if (tasks === undefined) return []
  const submitted = tasks === 'over' ? 0 : 8 + 2 * wander('submitted', s) + (tasks === 'backlog' && s - world.beganS > backlogAtS ? 3 : 0)
  return [
    ['submitted', submitted],
    ['done', tasks === 'over' ? 0 : 8 + 2 * wander('done', s)],
  ]
}
