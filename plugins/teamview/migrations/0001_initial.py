from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise.fields.base import OnDelete
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('core', '0001_initial')]

    initial = True

    operations = [
        ops.CreateModel(
            name='Choice',
            fields=[
                ('tenant', fields.ForeignKeyField('core.Tenant', source_field='tenant_id', db_index=True, db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.CASCADE)),
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('user', fields.OneToOneField('core.User', source_field='user_id', db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.CASCADE)),
                ('view', fields.CharField(max_length=8)),
            ],
            options={'table': 'teamview_choice', 'app': 'teamview', 'pk_attr': 'id', 'table_description': 'The view an agent used last: ``team`` or ``dark``. His home opens with it.'},
            bases=['TenantModel'],
        ),
        ops.CreateModel(
            name='Mark',
            fields=[
                ('tenant', fields.ForeignKeyField('core.Tenant', source_field='tenant_id', db_index=True, db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.CASCADE)),
                ('id', fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ('session', fields.OneToOneField('core.Session', source_field='session_id', db_constraint=True, to_field='id', related_name=False, on_delete=OnDelete.CASCADE)),
                ('online', fields.BooleanField(default=False)),
                ('online_changed_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ('attention_at', fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={'table': 'teamview_mark', 'app': 'teamview', 'pk_attr': 'id', 'table_description': "The customer's presence in one open session, and whether he waits for an answer."},
            bases=['TenantModel'],
        ),
    ]
