/** A role that runs: where it is reached, and how it ends. */
export interface RunningRole {
  readonly url: string
  /** Lets what is under way end first. */
  close(): Promise<void>
}
