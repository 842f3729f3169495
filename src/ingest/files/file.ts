/** A file of the source on this machine. */
export interface SourceFile {
  /** Where it is read: for what is no regular file, a copy. */
  readonly path: string
  /** As it was named, for messages and the manifest. */
  readonly name: string
}
