import { z } from 'zod';
import { groupName, id, nonEmptyListOf } from '../fields.ts';
import { defineKind } from '../kind.ts';

const schema = z
  .strictObject({
    id: id.meta({ description: 'Name of the group, as consumers name it.' }),
    member_of: nonEmptyListOf(groupName, 100).meta({
      description: 'Groups that whoever is in this group is in as well.',
    }),
  })
  .meta({ description: 'A group within groups. A group that is in no other needs no entry.' });

export const groupKind = defineKind({
  kind: 'group',
  section: 'groups',
  schema,
  toSpec(document, { report }) {
    if (document.member_of.includes(document.id)) report(['member_of'], 'names the group itself');
    return { member_of: document.member_of };
  },
  write: (groupId, spec) => ({ id: groupId, member_of: spec.member_of }),
});
