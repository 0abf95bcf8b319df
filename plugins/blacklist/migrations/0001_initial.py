from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('core', '0001_initial')]

    initial = True

    operations = [
        ops.CreateModel(
            name='Entry',
            fields=[
                ('tenant', fields.ForeignKeyField('core.Tenant', source_field='tenant_id', db_index=True, db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.CASCADE)),
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('kind', fields.CharField(max_length=16)),
                ('value', fields.CharField(max_length=254)),
                ('reason', fields.CharField(default='', max_length=200)),
                ('until', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('created_at', fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ('created_by', fields.CharField(max_length=64)),
                ('created_by_name', fields.CharField(default='', max_length=120)),
                ('attempts', fields.IntField(default=0, db_default=0)),
                ('last_attempt_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'blacklist_entry', 'app': 'blacklist', 'unique_together': (('tenant', 'kind', 'value'),), 'pk_attr': 'id', 'table_description': 'One address, network or pattern that is turned away.'},
            bases=['TenantModel'],
        ),
    ]
