export { ServingConfig } from './config.ts'
export { createGateway, type GatewayDeps } from './gateway.ts'
export { toTaskText } from './tasks/index.ts'
