import { defineFamilies, latencyBucketsSeconds } from '../../../instrument/index.ts'

export const gatewayFamilies = defineFamilies({
  requests: {
    kind: 'counter',
    name: 'modelwatch_requests_total',
    help: 'Requests answered.',
    labels: ['model', 'revision', 'api', 'code'],
    labelSetsMax: 1000, // 10 models × 5 revisions × 2 APIs × 10 codes
  },
  requestDuration: {
    kind: 'histogram',
    unit: 'seconds',
    name: 'modelwatch_request_duration_seconds',
    help: 'Latency of one request, from its head read to its last byte handed to the socket.',
    labels: ['model', 'revision', 'api'],
    buckets: latencyBucketsSeconds,
    labelSetsMax: 200,
  },
  inFlight: {
    kind: 'gauge',
    unit: 'none',
    name: 'modelwatch_requests_in_flight',
    help: 'Requests being answered now.',
    labels: ['model', 'revision'],
    labelSetsMax: 50,
  },
  connectionsRefused: {
    kind: 'counter',
    name: 'modelwatch_connections_refused_total',
    help: 'Connections closed at once because serving.connections_max were open already.',
    labels: [],
    labelSetsMax: 1,
  },
  connectionsStalled: {
    kind: 'counter',
    name: 'modelwatch_connections_stalled_total',
    help: 'Connections closed because their clients took nothing of an answer for longer than serving.request_timeout.',
    labels: [],
    labelSetsMax: 1,
  },
  pipelinedRefused: {
    kind: 'counter',
    name: 'modelwatch_pipelined_requests_refused_total',
    help: 'Requests answered 503 because serving.connections_max others stood already behind earlier ones of their connections.',
    labels: [],
    labelSetsMax: 1,
  },
})
