import { MemoryTraffic, testTrafficStore } from './testing.ts'

testTrafficStore('memory', async () => {
  const shared = new MemoryTraffic()
  return { open: async (options) => shared.open(options), remove: async () => {} }
})
