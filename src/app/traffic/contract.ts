/** What the command line needs to name of the traffic of models. */
export type { ModelTraffic, Share, Split } from '../../sources/serving/traffic/index.ts'
export { printShares, sharesOf } from '../../sources/serving/traffic/index.ts'
