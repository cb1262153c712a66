import { expect, test } from 'vitest'
import { summaryOf } from './replay.ts'

const labels = { waiting: 0, matched: 0, orphan: 0, late: 0, duplicate: 0, failed: 0, shed: 0, unsent: 0, lastFailure: '' }
const progress = { sent: 10, answered: 10, failed: 0, labelled: 10, shed: 0, lastFailure: '', labels: { ...labels, matched: 10 } }

test.for([
  { why: 'all is well', progress, want: 'sent 10, answered 10, labelled 10, failed 0' },
  {
    why: 'a gateway that was started anew',
    progress: {
      ...progress,
      answered: 8,
      failed: 2,
      labelled: 3,
      lastFailure: 'other side closed',
      labels: { ...labels, matched: 3, orphan: 5 },
    },
    want: 'sent 10, answered 8, labelled 3, failed 2 (other side closed); 5 labels whose prediction the gateway no longer knows, as after its restart',
  },
  {
    why: 'everything at once',
    progress: {
      ...progress,
      shed: 1,
      labelled: 0,
      labels: { ...labels, late: 2, duplicate: 1, failed: 3, shed: 4, unsent: 1, lastFailure: '503: busy' },
    },
    want: [
      'sent 10, answered 10, labelled 0, failed 0',
      '1 row not sent, for too many were under way',
      '2 labels that came too late for the gateway',
      '1 label whose prediction had one already',
      '3 labels given up (503: busy)',
      '4 labels not kept, for too many waited',
      '1 label not sent, for the replay was stopped before',
    ].join('; '),
  },
])('the last line: $why', ({ progress, want }) => expect(summaryOf(progress)).toBe(want))
