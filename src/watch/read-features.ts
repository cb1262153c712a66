import type { FeatureReader } from './feature-reader.ts'
import { compileImageReader } from './read-images.ts'
import { compileBooleanReader, compileCategoryReader, compileNumberReader } from './read-scalars.ts'
import { compileShapeReader } from './read-shapes.ts'
import { compileWideReader } from './read-wide.ts'
import type { Feature } from './schema.ts'

/** The readers of a model's features, in their order. */
export function compileFeatureReaders(features: readonly Feature[]): FeatureReader[] {
  return features.map((feature, f) => {
    if (feature.shape !== undefined) return compileShapeReader(feature, feature.shape, f)
    switch (feature.type) {
      case 'int64':
      case 'uint64':
        return compileWideReader(feature, f)
      case 'image':
        return compileImageReader(feature, f)
      case 'boolean':
        return compileBooleanReader(feature, f)
      case 'category':
        return compileCategoryReader(feature, f)
      default:
        return compileNumberReader(feature, f)
    }
  })
}
