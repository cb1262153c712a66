import { isAbsolute, join } from 'node:path'
import type { Clock } from '../../../core/time.ts'
import type { TrafficStore } from './contract.ts'
import { trafficErrors } from './errors.ts'

export { defaultTrafficUrl } from './config.ts'
export type { ModelTraffic, RevisionReport, Shadow, Share, Split, TrafficState, TrafficStore } from './contract.ts'
export { REPORT_MS } from './contract.ts'
export { chooseRevision, positionOf, printShares, sharesOf } from './shares.ts'
export {
  deploy,
  firstTraffic,
  followLatest,
  pin,
  removeTag,
  revisionsNamed,
  revisionsNeeded,
  revisionsWanted,
  rollBack,
  setShadow,
  setShares,
  setTag,
  setTagShares,
  wayForward,
} from './split.ts'

/**
 * Opens the place where traffic is kept. Nothing is reached for before the first call of a method.
 * @param url - `sqlite:FILE`, `redis://…` or `rediss://…`; see `defaultTrafficUrl`.
 * @param baseDir - What FILE is relative to.
 * @throws MW_TRAFFIC_URL_INVALID.
 */
export async function openTrafficStore(url: string, baseDir: string, deps: { readonly clock: Clock }): Promise<TrafficStore> {
  const [, scheme, rest = ''] = /^([a-z]+):(.*)$/s.exec(url) ?? []
  if (scheme === 'sqlite' && rest !== '') {
    const { openSqliteTraffic } = await import('./sqlite/index.ts')
    return openSqliteTraffic(isAbsolute(rest) ? rest : join(baseDir, rest), deps)
  }
  if ((scheme === 'redis' || scheme === 'rediss') && URL.canParse(url)) {
    const { openRedisTraffic } = await import('./redis/index.ts')
    return openRedisTraffic(url)
  }
  throw trafficErrors.MW_TRAFFIC_URL_INVALID(`serving.traffic_url: ${url.replace(/\/\/[^@/]*@/, '//…@')} names no place to keep traffic in`)
}
