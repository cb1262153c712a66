import type { OnnxModel } from '../weather/train/onnx-writer.ts'

/** A scaler and the trees of a gradient-boosted regression on histograms, as scikit-learn's HistGradientBoostingRegressor holds them. */
export interface BoostedTrees {
  /** Names of the features, in the order of the columns. */
  readonly features: readonly string[]
  /** Each feature is first scaled: (x − mean) / scale. */
  readonly scaler: { readonly mean: readonly number[]; readonly scale: readonly number[] }
  /** What a row has before any tree. */
  readonly baseline: number
  readonly trees: readonly Tree[]
}

/** Nodes of one tree by index, the root first. A row goes left when its scaled feature is at most the threshold. */
interface Tree {
  /** −1 marks a leaf. */
  readonly feature: readonly number[]
  readonly threshold: readonly (number | null)[]
  readonly left: readonly number[]
  readonly right: readonly number[]
  /** What a leaf adds, the learning rate included. */
  readonly value: readonly (number | null)[]
}

/**
 * The same model in the ONNX format: one input `features`, shape [rows, features], raw; one output `quality`, shape [rows, 1].
 * Thresholds are scaled back, so that raw values are compared; 32 bits then send every row where 64 bits send it, as long as values have few digits.
 */
export function toOnnx({ features, scaler, baseline, trees }: BoostedTrees): OnnxModel {
  const nodes = trees.flatMap((tree, treeId) =>
    tree.feature.map((feature, nodeId) => ({ tree, treeId, nodeId, feature, isLeaf: feature < 0 })),
  )
  const leaves = nodes.filter(({ isLeaf }) => isLeaf)
  const unscale = (feature: number, threshold: number) => unscaled(threshold, scaler.mean[feature]!, scaler.scale[feature]!)
  return {
    irVersion: 8,
    opsets: { '': 17, 'ai.onnx.ml': 3 },
    producer: 'examples/wine',
    description: 'Gradient-boosted trees on raw features',
    graph: {
      name: 'wine',
      inputs: [{ name: 'features', type: 'float', shape: ['rows', features.length] }],
      outputs: [{ name: 'quality', type: 'float', shape: ['rows', 1] }],
      constants: [],
      nodes: [
        {
          op: 'TreeEnsembleRegressor',
          domain: 'ai.onnx.ml',
          inputs: ['features'],
          outputs: ['quality'],
          attributes: {
            n_targets: 1,
            aggregate_function: { text: 'SUM' },
            post_transform: { text: 'NONE' },
            base_values: { floats: [baseline] },
            nodes_treeids: { ints: nodes.map(({ treeId }) => treeId) },
            nodes_nodeids: { ints: nodes.map(({ nodeId }) => nodeId) },
            nodes_modes: nodes.map(({ isLeaf }) => (isLeaf ? 'LEAF' : 'BRANCH_LEQ')),
            nodes_featureids: { ints: nodes.map(({ feature, isLeaf }) => (isLeaf ? 0 : feature)) },
            nodes_values: {
              floats: nodes.map(({ tree, nodeId, feature, isLeaf }) => (isLeaf ? 0 : unscale(feature, tree.threshold[nodeId]!))),
            },
            nodes_truenodeids: { ints: nodes.map(({ tree, nodeId, isLeaf }) => (isLeaf ? 0 : tree.left[nodeId]!)) },
            nodes_falsenodeids: { ints: nodes.map(({ tree, nodeId, isLeaf }) => (isLeaf ? 0 : tree.right[nodeId]!)) },
            target_treeids: { ints: leaves.map(({ treeId }) => treeId) },
            target_nodeids: { ints: leaves.map(({ nodeId }) => nodeId) },
            target_ids: { ints: leaves.map(() => 0) },
            target_weights: { floats: leaves.map(({ tree, nodeId }) => tree.value[nodeId]!) },
          },
        },
      ],
    },
  }
}

/**
 * The largest 32-bit number that goes left at a threshold of scaled values. Some thresholds are values of the training data; which way those go is
 * decided by the last digit of 64 bits, and so must be asked of them.
 */
function unscaled(threshold: number, mean: number, scale: number): number {
  const nearest = Math.fround(threshold * scale + mean)
  return (toDecimal(nearest) - mean) / scale <= threshold ? nearest : before(nearest)
}

/** The number that somebody wrote who meant this 32-bit number: the one with the fewest digits. */
function toDecimal(single: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(single.toPrecision(digits))
    if (Math.fround(decimal) === single) return decimal
  }
  return single
}

/** The 32-bit number before a positive one. */
function before(single: number): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, single)
  view.setUint32(0, view.getUint32(0) - 1)
  return view.getFloat32(0)
}
