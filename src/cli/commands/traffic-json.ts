import { sharesOf } from '../../app/traffic/contract.ts'
import type { Deployed } from '../../app/traffic/deploy.ts'
import type { RevisionTraffic, TrafficView } from '../../app/traffic/view.ts'
import type { RevisionRow } from './traffic-text.ts'

/*
 * What --json writes: names as on the wire, times as RFC 3339.
 */

/** @param processes - Those that have taken it over; undefined: nobody waited for them, or not all have. */
export function toDeployedJson(deployed: Deployed, processes: readonly string[] | undefined) {
  const { after, revision, dir, digest, goldenRows, watched, wasThere } = deployed
  return {
    model: after.model,
    revision,
    folder: dir,
    digest,
    golden_rows: goldenRows,
    watched,
    was_there: wasThere,
    follows_latest: after.split.shares === 'latest',
    split: sharesOf(after.split),
    tags: after.tags,
    generation: after.generation,
    taken_over_by: processes ?? null,
  }
}

export function toTrafficJson({ model, follows, latest, sinceMs, generation, forward, revisions }: TrafficView) {
  return {
    model,
    follows_latest: follows,
    latest: latest ?? null,
    since: sinceMs === undefined ? null : new Date(sinceMs).toISOString(),
    generation,
    rolled_back_from: forward === undefined ? null : sharesOf(forward),
    revisions: revisions.map(toRevisionJson),
  }
}

export function toRevisionsJson(model: string, rows: readonly RevisionRow[]) {
  return {
    model,
    revisions: rows.map((row) => ({
      ...toRevisionJson(row),
      deployed_at: row.folder === undefined ? null : new Date(row.folder.deployedMs).toISOString(),
      trained_at: row.folder?.trainedAt ?? null,
      digest: row.folder?.digest ?? null,
      fault: row.folder?.fault ?? null,
    })),
  }
}

function toRevisionJson({ name, percent, tags, latest, shadow, ready, loading, failed }: RevisionTraffic) {
  return { name, percent, tags, latest, shadow_ratio: shadow ?? null, ready, loading, failed }
}
