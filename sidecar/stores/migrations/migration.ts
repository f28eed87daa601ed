/** One step of the schema, in one dialect. Plain data, so that it can be handed to the writer's thread. */
export interface Migration {
  /** 1, 2, 3 … without gaps. */
  readonly version: number;
  readonly name: string;
  /** Statements, run in one transaction with the other pending steps. Expand first, contract a minor version later. */
  readonly sql: string;
}

/** A step for every kind of store: all of them are always at the same version, with tables of the same names. */
export interface SchemaStep extends Omit<Migration, 'sql'> {
  readonly sqlite: string;
  readonly postgres: string;
}
