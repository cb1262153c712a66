export { digestOf, listModelDirs, type ModelPackage, newestRevision, readModelPackage, readModelSchema } from './model-package.ts'
export { findRuntime, loadServedModel, type ServedModel } from './served-model.ts'
