import { defineErrors } from '../../../core/errors.ts'

export const trafficErrors = defineErrors({
  MW_TRAFFIC_UNAVAILABLE: {
    kind: 'unavailable',
    retryable: true,
    hint: 'See that what serving.traffic_url names is there, can be written to, and has room; look with "modelwatch traffic MODEL" before trying again.',
  },
  MW_TRAFFIC_UNREADABLE: {
    kind: 'internal',
    retryable: false,
    hint: 'Another program, or a newer modelwatch, wrote there; upgrade this one, or take the entry away and deploy again.',
  },
  MW_TRAFFIC_URL_INVALID: {
    kind: 'config',
    retryable: false,
    hint: 'Write serving.traffic_url as sqlite:FILE, redis://HOST:PORT or rediss://HOST:PORT.',
  },
  MW_TRAFFIC_SPLIT_INVALID: {
    kind: 'config',
    retryable: false,
    hint: 'Name each revision once, with whole numbers that add up to 100, such as --to-revisions A=90,B=10.',
  },
  MW_TRAFFIC_REVISION_UNKNOWN: { kind: 'not_found', retryable: false, hint: '"modelwatch revisions MODEL" lists them; deploy it first.' },
  MW_TRAFFIC_TAG_UNKNOWN: {
    kind: 'not_found',
    retryable: false,
    hint: '"modelwatch traffic MODEL" lists the tags; --set-tag T=REV sets one.',
  },
  MW_TRAFFIC_TAG_INVALID: {
    kind: 'config',
    retryable: false,
    hint: 'A tag is of at most 63 small letters, digits and hyphens, and begins with a letter.',
  },
  MW_TRAFFIC_SHADOW_INVALID: { kind: 'config', retryable: false, hint: 'Write --shadow REV=0.1 for a copy of a tenth of the requests.' },
  MW_TRAFFIC_NO_WAY_BACK: {
    kind: 'conflict',
    retryable: false,
    hint: 'Choose by name where it shall go, with "modelwatch traffic MODEL --to-revisions REV=100".',
  },
  MW_TRAFFIC_FIRST_REVISION: { kind: 'conflict', retryable: false, hint: 'Deploy it without --no-traffic: somebody must answer.' },
})
