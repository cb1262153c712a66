import { PositiveDuration } from '../../../../core/config.ts'
import { Limit } from '../../models/config.ts'

/** What of the `serving:` block says when the gateway itself has enough to do. */
export const admissionSettings = {
  requests_max: Limit(
    1000,
    100_000,
    'Most requests with a body under way at once; further ones are answered 503 with Retry-After before their body is read.',
  ),
  loop_delay_max: PositiveDuration({
    default: '100ms',
    description:
      'Standing delay of the event loop at which new requests begin to be answered 503, as many as it takes to bring the delay down, so that the others keep their latency.',
  }),
}
