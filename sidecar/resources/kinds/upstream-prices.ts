import { z } from 'zod';
import { microsPerUnit, type PriceSpec } from '../../core/prices.ts';
import { decimal } from '../fields.ts';

/** Of a million tokens. */
const maxPrice = 100_000;

const price = decimal(maxPrice);

export const prices = z
  .array(
    z.strictObject({
      model: z
        .string()
        .regex(/^[A-Za-z0-9.*_:/@-]{1,128}$/, 'must be a name of models: letters, digits and ._:/@-, * for any')
        .meta({ description: 'Name of the model; * stands for any characters.' }),
      input: price.meta({ description: 'What a million tokens of the prompt cost.' }),
      output: price.meta({ description: 'What a million tokens of the answer cost.' }),
    }),
  )
  .min(1)
  .max(500)
  .meta({ description: 'What its models cost; the first line that fits counts. Budgets of cost read it.' });

export type PricesDocument = z.infer<typeof prices>;

export function readPrices(document: PricesDocument): readonly PriceSpec[] {
  return document.map(({ model, input, output }) => ({ model, input_micros: input, output_micros: output }));
}

export function writePrices(spec: readonly PriceSpec[]): PricesDocument {
  return spec.map((line) => ({
    model: line.model,
    input: line.input_micros / microsPerUnit,
    output: line.output_micros / microsPerUnit,
  }));
}
