/** One step of the schema. Plain data, so that it can be handed to the writer's thread. */
export interface Migration {
  /** 1, 2, 3 … without gaps. */
  readonly version: number;
  readonly name: string;
  /** Statements, run in one transaction with the other pending steps. Expand first, contract a minor version later. */
  readonly sql: string;
}
