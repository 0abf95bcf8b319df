from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('core', '0001_initial')]

    initial = True

    operations = [
        ops.CreateModel(
            name='QuickResponse',
            fields=[
                ('tenant', fields.ForeignKeyField('core.Tenant', source_field='tenant_id', db_index=True, db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.CASCADE)),
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('owner', fields.ForeignKeyField('core.User', source_field='owner_id', null=True, db_index=True, db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.CASCADE)),
                ('title', fields.CharField(max_length=80)),
                ('text', fields.TextField(unique=False)),
                ('language', fields.CharField(null=True, max_length=16)),
            ],
            options={'table': 'chat_quick_response', 'app': 'chat', 'pk_attr': 'id', 'table_description': 'A prepared answer. ``owner`` ``None``: for every agent of the tenant, else for him alone.'},
            bases=['TenantModel'],
        ),
    ]
